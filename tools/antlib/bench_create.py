"""`tools/ant bench create`: making a process, against the size of its program; the programs are in the boot archive of this run only."""

import subprocess
import tempfile
from pathlib import Path

from antlib import bench_guest, build, qemu, run
from antlib.bench_output import Result
from antlib.paths import BUILD

PROGRAMS = ("empty-30k", "empty-67k", "empty-1m")


def measure(options) -> Result:
    build.ninja(list(PROGRAMS), "Building programs of several sizes")
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as folder:
        for name in PROGRAMS:
            subprocess.run(["strip", "-o", f"{folder}/{name}", BUILD / "programs" / name], check=True)
        image = run.image_with([f"{folder}/{name}" for name in PROGRAMS])
    machine = qemu.Options(image=image, icount=True, cards=bench_guest.cards(1), reboot=False)
    result = bench_guest.parse("create", bench_guest.output_of(machine, "bench-create", "create", "bench create", options.timeout))
    result.notes.append("from the call to the guardian until it says that the process has ended; the program's file is in memory")
    return result
