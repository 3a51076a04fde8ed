"""`tools/ant bench chain`: P-ipc's example on the real servers, AP -> file -> cache -> disk driver -> AP."""

import tempfile
from pathlib import Path

from antlib import bench_disk, bench_guest, qemu
from antlib.bench_output import Result
from antlib.paths import IMAGE

RUNS = 200


def measure(options) -> Result:
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        image = bench_disk.image(Path(name))
        machine = qemu.Options(image=IMAGE, icount=True, idle_waits=True, reboot=False, memory=256,
                               disks=[qemu.raw_disk(image, cache="unsafe")])
        line = f"run bench-chain /home/bench.dat {options.samples or RUNS}"
        figures = bench_guest.parse("chain", bench_guest.output_of(machine, "bench-chain", "chain", line, options.timeout)).figures
    return Result("chain", bench_guest.commit(), "icount", figures, [
        "one block of 4 KiB, in the cache or not; 256k: 256 KiB that are not. IDE; idle time is left out",
        "a block that is not in the cache is kept there, so the driver's answer goes to the cache in both ways; 256 KiB go past it"])
