"""The virtual machine: QEMU's command line, free ports, the meaning of its exit status."""

import ctypes
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from antlib.progress import Failure

QEMU = "qemu-system-x86_64"
OVMF = Path("/usr/share/OVMF")
PRODUCT = "AnT virtual machine"  # boot/grub.cfg looks for it

# Exit statuses of `tools/ant run`.
POWERED_OFF, FAILED, PANIC, TIMED_OUT = 0, 1, 3, 4
# What the core writes to the isa-debug-exit device; QEMU's exit status is then value << 1 | 1.
DEBUG_POWER_OFF, DEBUG_PANIC = 16, 127  # 16 + the status given to `poweroff`


@dataclass
class Options:
    """A machine. The defaults are those of `tools/ant run`."""
    image: Path = Path()
    firmware: str = "bios"
    boot: str = "cd"
    machine: str = "pc"
    cpu: str = "max"
    memory: int = 128
    smp: int = 1
    disks: list[str] = field(default_factory=list)  # options of a -drive, without id and interface
    forwards: list[str] = field(default_factory=list)  # QEMU's hostfwd syntax
    netdev: str | None = None  # instead of the user network
    cards: list[str] | None = None  # complete -netdev/-device arguments, instead of the one card
    icount: bool = False
    icount_shift: int = 0  # one instruction takes 2 ** icount_shift ns
    idle_waits: bool = False  # icount: idle time passes as outside, so that a disk is not late; otherwise it is skipped
    command_line: str = "debug_exit=1"  # of the core
    serial: list[str] = field(default_factory=lambda: ["-serial", "mon:stdio"])
    qmp: str | None = None
    pid_file: str | None = None
    reboot: bool = True
    extra: list[str] = field(default_factory=list)


def escaped(text: str) -> str:
    """For a QEMU option value: a comma would end it."""
    return str(text).replace(",", ",,")


def firmware_arguments(options: Options) -> list[str]:
    if options.firmware == "bios":
        return []
    code, variables = OVMF / "OVMF_CODE_4M.fd", OVMF / "OVMF_VARS_4M.fd"
    if not code.is_file():
        raise Failure(f"{code} is missing (Debian package ovmf)")
    return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,unit=1,snapshot=on,file={variables}"]


def boot_arguments(options: Options) -> list[str]:
    image = escaped(options.image)
    if options.boot == "usb":
        return ["-device", "qemu-xhci,id=usb", "-drive", f"if=none,id=stick,format=raw,snapshot=on,file={image}",
                "-device", "usb-storage,bus=usb.0,drive=stick,bootindex=0"]
    return ["-drive", f"if=none,id=cd,format=raw,media=cdrom,readonly=on,file={image}",
            "-device", "ide-cd,bus=ide.1,drive=cd,bootindex=0"]


def raw_disk(path: Path | str, **further: str) -> str:
    """An image file as an entry of Options.disks."""
    return ",".join([f"format=raw,file={escaped(path)}", *(f"{name}={value}" for name, value in further.items())])


def disk_arguments(options: Options) -> list[str]:
    """IDE on `pc` (two drives a channel), AHCI ports on `q35`; the CD is the first drive of ide.1."""
    places = ["ide.0,unit=0", "ide.0,unit=1", "ide.1,unit=1"]
    if options.machine == "q35":
        places = [f"ide.{port}" for port in (0, 2, 3, 4, 5)]
    if len(options.disks) > len(places):
        raise Failure(f"machine {options.machine}: at most {len(places)} disks", 2)
    arguments = []
    for number, (disk, place) in enumerate(zip(options.disks, places)):
        arguments += ["-drive", f"if=none,id=disk{number},{disk}",
                      "-device", f"ide-hd,bus={place},drive=disk{number},serial=ant{number}"]
    return arguments


def network_arguments(options: Options) -> list[str]:
    if options.cards is not None:
        return options.cards
    card = ["-device", "rtl8139,netdev=net0,romfile="]
    if options.netdev is not None:
        text = options.netdev
        if "id=" in text:
            name = text.split("id=", 1)[1].split(",", 1)[0]
            return ["-netdev", text, "-device", f"rtl8139,netdev={name},romfile="]
        return ["-netdev", f"{text},id=net0", *card]
    forwards = "".join(f",hostfwd={forward}" for forward in options.forwards)
    return ["-netdev", f"user,id=net0{forwards}", *card]


def command(options: Options) -> list[str]:
    accelerator = ["-accel", "tcg"]
    if options.icount:
        accelerator = ["-accel", "tcg,thread=single", "-icount", f"shift={options.icount_shift},sleep={'on' if options.idle_waits else 'off'}"]
    arguments = [QEMU, "-machine", options.machine, *accelerator, "-cpu", options.cpu, "-m", str(options.memory),
                 "-smp", str(options.smp), "-nodefaults", "-vga", "std", "-display", "none", "-no-user-config",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
                 "-smbios", f"type=1,product={PRODUCT},serial={escaped(options.command_line)}"]
    arguments += firmware_arguments(options) + boot_arguments(options) + network_arguments(options) + options.serial
    arguments += disk_arguments(options)
    if options.qmp is not None:
        arguments += ["-qmp", f"unix:{escaped(options.qmp)},server=on,wait=off"]
    if options.pid_file is not None:
        arguments += ["-pidfile", options.pid_file]
    if not options.reboot:
        arguments += ["-no-reboot"]
    return arguments + options.extra


def end_with_parent() -> None:
    """In the child: no machine outlives us, whatever ends us."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_with_socket(options: Options, **popen_arguments) -> tuple[subprocess.Popen, socket.socket]:
    """Starts the machine with its serial line on a socket pair; returns our end too."""
    ours, theirs = socket.socketpair()
    with theirs:
        options.serial = ["-chardev", f"socket,id=serial0,fd={theirs.fileno()}", "-serial", "chardev:serial0"]
        # Its own session, so that Ctrl-C does not reach it before us.
        process = subprocess.Popen(command(options), stdin=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=end_with_parent, pass_fds=[theirs.fileno()], **popen_arguments)
    return process, ours


def port_is_free(port: int, kind: int = socket.SOCK_STREAM) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def next_free_port(first: int) -> int:
    for port in range(first, min(first + 1000, 65536)):
        if port_is_free(port):
            return port
    raise Failure(f"No free TCP port from {first} on.")


def any_free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def forward(text: str) -> str:
    """`HOST:GUEST` or `udp:HOST:GUEST` as QEMU's hostfwd, checked."""
    parts = text.split(":")
    protocol = "tcp"
    if len(parts) == 3:
        protocol = parts.pop(0)
    if protocol not in ("tcp", "udp") or len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise Failure(f"--forward {text}: must be HOST:GUEST or udp:HOST:GUEST, both port numbers", 2)
    host, guest = map(int, parts)
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    if not 0 < host < 65536 or not 0 < guest < 65536:
        raise Failure(f"--forward {text}: ports are 1 to 65535", 2)
    if not port_is_free(host, kind):
        raise Failure(f"--forward {text}: host port {host} is taken")
    return f"{protocol}:127.0.0.1:{host}-:{guest}"


def ending(code: int) -> tuple[int, str]:
    """Exit status of `tools/ant run` and what to tell the user, from QEMU's exit status."""
    value, written_by_core = code >> 1, code & 1 == 1
    if code == 0:
        return POWERED_OFF, ""
    if written_by_core and value == DEBUG_PANIC:
        return PANIC, "The inner core panicked."
    if written_by_core and DEBUG_POWER_OFF <= value < DEBUG_POWER_OFF + 64:
        return value - DEBUG_POWER_OFF, ""
    return FAILED, f"QEMU ended with status {code}."
