"""`tools/ant bench chain`: P-ipc's example, by servers that only take and return, and by the real ones, AP -> file -> cache -> disk
driver -> AP."""

import tempfile
from pathlib import Path

from antlib import bench_disk, bench_guest, bench_ipc, qemu
from antlib.bench_output import Figure, Result
from antlib.paths import IMAGE

RUNS = 200


def measure(options) -> Result:
    through_relays = bench_ipc.measure("chain", options.timeout)
    return Result("chain", bench_guest.commit(), "icount", through_relays.figures + real(options), [
        "chain.N: through N servers that only take and return (chain.3: P-ipc's); sequential: the answer comes back through each, "
        "direct: from the last one",
        "chain.real: one block of 4 KiB, in the cache or not; 256k: 256 KiB that are not. IDE; idle time is left out",
        "a block that is not in the cache is kept there, so the driver's answer goes to the cache in both ways; 256 KiB go past it"])


def real(options) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        image = bench_disk.image(Path(name))
        machine = qemu.Options(image=IMAGE, icount=True, idle_waits=True, reboot=False, memory=256,
                               disks=[qemu.raw_disk(image, cache="unsafe")])
        line = f"run bench-chain /home/bench.dat {options.samples or RUNS}"
        return bench_guest.parse("chain", bench_guest.output_of(machine, "bench-chain-real", "chain", line, options.timeout)).figures
