"""`tools/ant bench NAME --peer linux`: what Linux takes for the same, by the same count, in the same QEMU.

Programs in user/bench/linux print figures as AnT's do; here they get the prefix `linux.`.
"""

import subprocess
import tempfile
from pathlib import Path

from antlib import bench_guest, linux_peer
from antlib.bench_output import Figure, Result
from antlib.linux_peer import Linux
from antlib.paths import ROOT

SOURCES = ROOT / "user/bench/linux"
MEMORY_MIB = 256
PROGRAM_BYTES = {"30k": 30 << 10, "67k": 67 << 10, "1m": 1 << 20}


def ipc(linux: Linux, folder: Path, timeout: float) -> str:
    return exact_output(linux, folder, "ipc", "ipc", timeout)


def create(linux: Linux, folder: Path, timeout: float) -> str:
    programs = [sized_program(folder / f"empty-{name}", size) for name, size in PROGRAM_BYTES.items()]
    arguments = " ".join(f"{name} /bin/empty-{name}" for name in PROGRAM_BYTES)
    return exact_output(linux, folder, "create", f"create {arguments}", timeout, tuple(programs))


def boot(linux: Linux, folder: Path, timeout: float) -> str:
    return exact_output(linux, folder, "boot", f"boot {MEMORY_MIB}", timeout)


BENCHES = {
    "ipc": (ipc, "ipc: a round trip through two pipes, a UNIX socket pair, two futexes (which carry no data); the data are copied"),
    "create": (create, "create: vfork, exec, exit and wait; the program's file is in memory"),
    "boot": (boot, "boot: to the first program of an initial file system in memory, no shell, no network"),
}


def measure(name: str, timeout: float) -> Result:
    measured, note = BENCHES[name]
    linux = linux_peer.get()
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as folder:
        output = measured(linux, Path(folder), timeout)
    figures = [Figure(f"linux.{figure.id}", figure.value, figure.unit, figure.n, figure.spread, figure.counts)
               for figure in bench_guest.parse(name, output).figures]
    return Result(name, bench_guest.commit(), "icount", figures, [f"linux ({linux.vmlinuz.name}): {note}"])


def exact_output(linux: Linux, folder: Path, name: str, script: str, timeout: float, files: tuple[Path, ...] = ()) -> str:
    archive = linux_peer.initramfs(linux, folder, (), (SOURCES / f"{name}.c",), script, files)
    return linux_peer.boot(linux, archive, f"bench-{name}-linux", machine="pc", exact=True, idle_waits=False, devices=[],
                           memory=MEMORY_MIB, timeout=timeout)


def sized_program(path: Path, size: int) -> Path:
    """A program without a library whose file has about `size` bytes."""
    headers = 9 << 10  # of ELF and of alignment
    subprocess.run(["gcc", "-O2", "-s", "-static", "-nostdlib", "-fno-pic", "-no-pie", f"-DBYTES={size - headers}", "-o", str(path),
                    str(SOURCES / "empty.c")], check=True)
    return path
