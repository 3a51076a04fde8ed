"""`tools/ant debug`: QEMU stopped before its first instruction, under gdb with the kernel's symbols."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from antlib import build, qemu, run, setup
from antlib.paths import BUILD, IMAGE, ROOT
from antlib.progress import say


def add_arguments(parser) -> None:
    parser.add_argument("--mem", metavar="MiB", type=int, default=128)
    parser.add_argument("--machine", choices=["pc", "q35"], default="pc")
    parser.add_argument("--cpu", metavar="MODEL", default="max")
    parser.add_argument("gdb", nargs="*", metavar="GDB-ARGUMENT", help="after --: further arguments for gdb")


def main(options) -> int:
    setup.ensure(setup.BUILD_PACKAGES, setup.RUN_PACKAGES, setup.DEBUG_PACKAGES)
    build.image()
    with tempfile.TemporaryDirectory(prefix="ant-debug-") as folder:
        log = BUILD / "log/debug-serial.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        machine = qemu.Options(image=IMAGE, machine=options.machine, memory=options.mem, cpu=options.cpu,
                               forwards=[run.web_forward()], serial=["-serial", f"file:{log}"],
                               extra=["-S", "-gdb", f"unix:{folder}/gdb,server=on,wait=off"])
        machine_process = subprocess.Popen(qemu.command(machine), stdin=subprocess.DEVNULL, start_new_session=True)
        say(f"Serial output: {log}")
        try:
            return debugger(Path(folder) / "gdb", options.gdb)
        finally:
            run.stop(machine_process)


def debugger(stub: Path, further: list[str]) -> int:
    kernel = BUILD / "kernel/kernel"
    command = ["gdb", "-q", "-x", str(ROOT / "tools/gdb/ant.py"), "-ex", f"target remote {stub}", *further, str(kernel)]
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is gdb's
    try:
        return subprocess.run(command, check=False, env={**os.environ, "ANT_BUILD": str(BUILD)}).returncode
    finally:
        signal.signal(signal.SIGINT, old)
