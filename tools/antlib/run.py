"""`tools/ant run`: boots the system in QEMU with its console here."""

import contextlib
import hashlib
import os
import select
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

from antlib import archive, build, disk, iso, qemu, setup
from antlib.guest_console import ConsoleClosed, ConsoleTimeout, CorePanic, GuestConsole, PROMPT
from antlib.paths import ARCHIVE, BUILD, GRUB_CFG, IMAGE, KERNEL
from antlib.progress import Failure, say

WEB_PORT = 8080


def add_arguments(parser) -> None:
    parser.add_argument("--headless", action="store_true", help="console on stdin and stdout even if these are pipes")
    parser.add_argument("--firmware", choices=["bios", "uefi"], default="bios")
    parser.add_argument("--boot", choices=["cd", "usb"], default="cd")
    parser.add_argument("--machine", choices=["pc", "q35"], default="pc")
    parser.add_argument("--cpu", metavar="MODEL", default="max", help="QEMU CPU model")
    parser.add_argument("--mem", metavar="MiB", type=int, default=128)
    parser.add_argument("--smp", metavar="N", type=int, default=1)
    parser.add_argument("--disk", metavar="FILE", action="append", default=[],
                        help="a raw disk image, made if it is not there (repeatable); default: build/disk.img")
    parser.add_argument("--add", metavar="PROGRAM", action="append", default=[],
                        help="put into the boot archive of this run (repeatable)")
    parser.add_argument("--forward", metavar="[udp:]HOST:GUEST", action="append", default=[],
                        help="a port of the host's loopback (repeatable)")
    parser.add_argument("--netdev", metavar="STR", help="QEMU -netdev instead of the user network")
    parser.add_argument("--icount", action="store_true", help="instruction-exact mode")
    parser.add_argument("--serial-socket", metavar="P", help="console on a UNIX socket")
    parser.add_argument("--qmp", metavar="P", help="QMP on a UNIX socket")
    parser.add_argument("--pid", metavar="P", help="file for QEMU's process id")
    parser.add_argument("--qemu-args", metavar='"..."', default="", help="more arguments for QEMU")
    parser.add_argument("--script", metavar="FILE", help="console commands, one per line, then power off")
    parser.add_argument("--timeout", metavar="S", type=float, help="of the script; exit status 4 when it runs out")


def machine_options(options) -> qemu.Options:
    """Checks what the user gave; the serial line is chosen later."""
    if options.mem < 8:
        raise Failure("--mem: at least 8 MiB", 2)
    if options.smp < 1:
        raise Failure("--smp: at least 1", 2)
    for path in [*options.add, *([options.script] if options.script else [])]:
        if not Path(path).is_file():
            raise Failure(f"{path}: no such file", 2)
    forwards = [qemu.forward(text) for text in options.forward]
    if options.netdev is None:
        forwards.append(web_forward())
    elif options.forward:
        raise Failure("--forward is of the user network and cannot be used with --netdev", 2)
    return qemu.Options(firmware=options.firmware, boot=options.boot, machine=options.machine, cpu=options.cpu,
                        memory=options.mem, smp=options.smp, forwards=forwards,
                        netdev=options.netdev, icount=options.icount, qmp=options.qmp, pid_file=options.pid,
                        extra=shlex.split(options.qemu_args))


def web_forward() -> str:
    port = qemu.next_free_port(WEB_PORT)
    taken = "" if port == WEB_PORT else f" ({WEB_PORT} is taken)"
    say(f"Host port {port} reaches the guest's web server{taken}: http://127.0.0.1:{port}/")
    return f"tcp:127.0.0.1:{port}-:80"


def image_with(programs: list[str]) -> Path:
    """The image with further programs in its boot archive, made once per contents."""
    if not programs:
        return IMAGE
    added = {Path(program).name: Path(program).read_bytes() for program in programs}
    members = [member for member in archive.unpack(ARCHIVE.read_bytes()) if member[0] not in added]
    packed = archive.pack(members + list(added.items()))
    digest = hashlib.sha256(packed + KERNEL.read_bytes() + GRUB_CFG.read_bytes()).hexdigest()[:16]
    folder = BUILD / "run"
    image = folder / f"{digest}.iso"
    if not image.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        forget_old_images(folder)
        packed_file = folder / f"{digest}.tar"
        packed_file.write_bytes(packed)
        iso.make_iso(KERNEL, packed_file, GRUB_CFG, image)
        packed_file.unlink()
    return image


def forget_old_images(folder: Path, keep: int = 8) -> None:
    images = sorted(folder.glob("*.iso"), key=lambda path: path.stat().st_mtime)
    for path in images[:-keep]:
        path.unlink(missing_ok=True)


def main(options) -> int:
    setup.ensure(setup.BUILD_PACKAGES, setup.RUN_PACKAGES)
    machine = machine_options(options)
    build.image()
    machine.image = image_with(options.add)
    with disks(options.disk) as machine.disks:
        return boot(machine, options)


@contextlib.contextmanager
def disks(files: list[str]):
    """As QEMU wants them; the system's own one if none is given."""
    if files:
        yield [qemu.raw_disk(disk.given(Path(file))) for file in files]
        return
    with disk.own() as image:
        yield [qemu.raw_disk(image)]


def boot(machine: qemu.Options, options) -> int:
    if options.script:
        return run_script(machine, Path(options.script), options.timeout)
    if options.serial_socket:
        machine.serial = ["-serial", f"unix:{qemu.escaped(options.serial_socket)},server=on,wait=off"]
        return wait_for(subprocess.Popen(qemu.command(machine), stdin=subprocess.DEVNULL,
                                         preexec_fn=qemu.end_with_parent), options.timeout)
    if sys.stdin.isatty() and sys.stdout.isatty():
        say("Ctrl-A x ends the virtual machine, Ctrl-A h helps.")
        return run_on_terminal(machine, options.timeout)
    if not options.headless:
        raise Failure("The console needs a terminal; with --headless it works on pipes.", 2)
    return run_on_pipes(machine, options.timeout)


def wait_for(process: subprocess.Popen, timeout: float | None) -> int:
    try:
        return report(process.wait(timeout))
    except subprocess.TimeoutExpired:
        say(f"The virtual machine did not end within {timeout:g} s.")
        return qemu.TIMED_OUT
    finally:
        stop(process)


def report(code: int) -> int:
    """The exit status of the command, from QEMU's."""
    status, text = qemu.ending(code)
    if text:
        say(text)
    return status


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_on_terminal(machine: qemu.Options, timeout: float | None) -> int:
    # QEMU sets the terminal to raw mode itself and passes Ctrl-C on to the guest.
    return wait_for(subprocess.Popen(qemu.command(machine), preexec_fn=qemu.end_with_parent), timeout)


def run_on_pipes(machine: qemu.Options, timeout: float | None) -> int:
    """Relays between the pipes and the serial line. Input waits for the first prompt, as firmware
    and boot loader would swallow it."""
    process, serial = qemu.start_with_socket(machine)
    try:
        relay(serial, timeout)
        return wait_for(process, 10)
    finally:
        serial.close()
        stop(process)


def relay(serial: socket.socket, timeout: float | None) -> None:
    deadline = time.monotonic() + timeout if timeout else None
    seen, prompted, held = b"", False, b""
    sources = [serial, sys.stdin.fileno()]
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise Failure(f"The virtual machine did not end within {timeout:g} s.", qemu.TIMED_OUT)
        readable, _, _ = select.select(sources, [], [], left)
        if sys.stdin.fileno() in readable:
            data = os.read(sys.stdin.fileno(), 4096)
            if not data:
                sources.remove(sys.stdin.fileno())
            held += data
        if serial in readable:
            try:
                data = serial.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return
            os.write(sys.stdout.fileno(), data)
            if not prompted:
                seen = (seen + data)[-4096:]
                prompted = PROMPT.encode() in seen
        if prompted and held:
            serial.sendall(held)
            held = b""


def script_commands(text: str) -> list[str]:
    """One for each line; the lines behind a `put PATH` belong to it, up to a single dot."""
    commands = []
    lines = iter(text.splitlines())
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        if len(line.split()) == 2 and line.startswith("put "):
            for further in lines:
                line += "\n" + further
                if further == ".":
                    break
        commands.append(line)
    return commands


def run_script(machine: qemu.Options, script: Path, timeout: float | None) -> int:
    commands = script_commands(script.read_text(encoding="utf-8"))
    deadline = time.monotonic() + (timeout or 24 * 3600)

    def left() -> float:
        return max(0.1, deadline - time.monotonic())

    process, serial = qemu.start_with_socket(machine)
    console = GuestConsole(serial, echo=lambda text: print(text, end="", flush=True))
    try:
        console.until_prompt(left())
        for command in commands:
            console.output_of(command, left())
        status = console.status(left()) if commands else 0
        console.send("poweroff\n")
        console.drain(min(60, left()))
        process.wait(min(10, left()))
        return status
    except (ConsoleTimeout, subprocess.TimeoutExpired):
        say(f"\nThe script did not end within {timeout or 0:g} s.")
        return qemu.TIMED_OUT
    except CorePanic:
        say("\nThe inner core panicked.")
        return qemu.PANIC
    except ConsoleClosed:
        return report(process.wait())
    finally:
        console.close()
        stop(process)
