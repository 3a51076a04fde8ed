"""A virtual machine under test: QEMU with the console on a socket, QMP, free ports, and its logs kept."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

from antlib import disk as disks, qemu
from antlib.guest_console import GuestConsole
from antlib.paths import BUILD, IMAGE

LOGS = BUILD / "tests"
BOOT_TIMEOUT = 120  # generous: the machine may be busy
COMMAND_TIMEOUT = 120
GUEST_PORTS = {"web": 80, "echo": 7, "iperf": 5001}


class Qmp:
    """QEMU's monitor protocol."""

    def __init__(self, path: str):
        deadline = time.monotonic() + 30
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self.socket.settimeout(60)
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.file.readline()
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments):
        message = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = json.loads(self.file.readline())
            if "error" in answer:
                raise RuntimeError(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Machine:
    """Boots on entry, is gone on exit. Keyword arguments are fields of qemu.Options, and
    `raw_wire`: a UNIX datagram socket on the card's segment, "beside" the user network or "alone";
    `disk`: an image that it works on, or True: a fresh one of its own, `self.disk`."""

    def __init__(self, name: str, raw_wire: str = "", wait: bool = True, udp_ports: dict | None = None,
                 disk: Path | bool = False, **options):
        self.name = re.sub(r"[^\w.-]+", "-", name)
        self.folder = LOGS / self.name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.sockets = tempfile.mkdtemp(prefix="ant-test-")
        self.options = replace(qemu.Options(image=IMAGE, memory=64, reboot=False), **options)
        self.disk = disks.copy(disks.template(), self.folder / "disk.img") if disk is True else disk
        if self.disk:
            self.options.disks = [*self.options.disks, qemu.raw_disk(self.disk, cache="unsafe")]
        self.ports = {name: qemu.any_free_port() for name in GUEST_PORTS}
        self.udp_ports = {name: qemu.any_free_port(socket.SOCK_DGRAM) for name in udp_ports or {}}
        forwards = [f"tcp:127.0.0.1:{self.ports[name]}-:{port}" for name, port in GUEST_PORTS.items()]
        forwards += [f"udp:127.0.0.1:{self.udp_ports[name]}-:{port}" for name, port in (udp_ports or {}).items()]
        self.options.forwards = forwards
        self.raw_wire = raw_wire
        if raw_wire:
            self.options.cards = self.cards_with_raw_wire(forwards)
        self.wait = wait
        self.process = None
        self.console = None
        self.qmp = None

    def cards_with_raw_wire(self, forwards: list[str]) -> list[str]:
        wire = (f"dgram,id=wire0,local.type=unix,local.path={self.sockets}/wire-qemu,"
                f"remote.type=unix,remote.path={self.sockets}/wire-test")
        card = "rtl8139,netdev=net0,romfile=,mac=52:54:00:12:34:56"
        if self.raw_wire == "alone":
            return ["-netdev", wire.replace("id=wire0", "id=net0"), "-device", card]
        user = "user,id=user0" + "".join(f",hostfwd={forward}" for forward in forwards)
        # One hub: the card, the user network, and the socket for frames of the test.
        return ["-netdev", user, "-netdev", "hubport,id=hub-user,hubid=0,netdev=user0",
                "-netdev", wire, "-netdev", "hubport,id=hub-wire,hubid=0,netdev=wire0",
                "-netdev", "hubport,id=net0,hubid=0", "-device", card]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self) -> None:
        self.options.qmp = f"{self.sockets}/qmp"
        errors = open(self.folder / "qemu.log", "wb")
        with errors:
            self.process, serial = qemu.start_with_socket(self.options, stdout=errors, stderr=errors)
        (self.folder / "command").write_text("\n".join(self.process.args) + "\n", encoding="utf-8")
        self.console = GuestConsole(serial, self.folder / "serial.log")
        self.qmp = Qmp(self.options.qmp)
        if self.wait:
            self.console.until_prompt(BOOT_TIMEOUT)

    def __exit__(self, kind, value, trace):
        if kind is not None and self.console is not None:
            self.console.drain(0.5)
            print(f"--- last lines of {self.folder}/serial.log\n{self.console.tail(40)}")
        for part in (self.qmp, self.console):
            if part is not None:
                part.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)
        if kind is None and self.disk == self.folder / "disk.img":
            self.disk.unlink()

    # The console ------------------------------------------------------------------------------

    def command(self, line: str, timeout: float = COMMAND_TIMEOUT) -> tuple[str, int]:
        return self.console.command(line, timeout)

    def run(self, line: str, timeout: float = COMMAND_TIMEOUT) -> str:
        """Output of a command that must succeed."""
        output, status = self.command(line, timeout)
        assert status == 0, f"`{line}` ended with status {status}: {output}"
        return output

    def json(self, line: str):
        """Parsed output of a listing with --json: exactly one line. Notices of the guardian's may come in between."""
        output = re.sub(r"guardian: .*\n", "", self.run(f"{line} --json"))
        text = output.removeprefix(f"{line} --json\n").strip()
        assert "\n" not in text, f"`{line} --json` printed: {output!r}"
        return json.loads(text)

    def power_off(self) -> int:
        """Exit status as `tools/ant run` would report it."""
        self.console.send("poweroff\n")
        self.console.drain(30)
        return qemu.ending(self.process.wait(30))[0]

    # The network ------------------------------------------------------------------------------

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports['web']}{path}"

    def token(self) -> str:
        """For uploads; the console has shown it before the prompt."""
        return re.search(r"^web: token (\w+)$", self.console.transcript, re.MULTILINE)[1]

    def wait_for_network(self, timeout: float = 120) -> None:
        deadline = time.monotonic() + timeout
        while True:
            answer = subprocess.run(["curl", "-sf", "-m", "10", "-o", "/dev/null", self.url()], check=False)
            if answer.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"the web server does not answer; console:\n{self.console.tail()}")
            time.sleep(0.3)

    # The machine ------------------------------------------------------------------------------

    def monitor(self, line: str) -> str:
        return self.qmp.execute("human-monitor-command", **{"command-line": line})

    def screenshot(self, name: str = "screen.png") -> Path:
        path = self.folder / name
        self.qmp.execute("screendump", filename=str(path), format="png")
        return path

    def vga_text(self) -> str:
        """What the 80x25 text screen shows."""
        path = self.folder / "vga.bin"
        self.qmp.execute("pmemsave", val=0xB8000, size=80 * 25 * 2, filename=str(path))
        cells = path.read_bytes()[::2]
        return "\n".join(cells[row * 80:row * 80 + 80].decode("cp437").rstrip() for row in range(25))


def free_pages(machine: Machine) -> int:
    """Free pages of the whole system, from `ica --json`."""
    listing = machine.json("ica")
    return listing["free"] if isinstance(listing, dict) else next(row["pages"] for row in listing if row["owner"] == "free")


def settled_free_pages(guest: Machine) -> int:
    """When nothing starts any more, and the memory of what has ended has come back, which it does in steps."""
    last, same = -1, 0
    while same < 3:
        now = free_pages(guest)
        same = same + 1 if now == last else 0
        last = now
        time.sleep(0.2)
    return last


def assert_nothing_leaked(guest: Machine, before: int) -> None:
    """No fewer free pages than before; the core frees what a program had in steps, after its end."""
    deadline = time.monotonic() + 60
    while before - free_pages(guest) > 64:
        assert time.monotonic() < deadline, f"{before} pages were free, now {free_pages(guest)} are"
        time.sleep(0.2)


def assert_healthy(machine: Machine) -> None:
    """The audit finds nothing and the console answers."""
    assert re.search(r"audit\W+(ok|0)", machine.run("ica"), re.IGNORECASE), "the audit of the areas found errors"


def compiled(source: Path, folder: Path) -> Path:
    """A program of the tests, built as a user would build it."""
    program = folder / source.stem
    subprocess.run([ROOT / "tools/ant", "cc", str(source), "-o", str(program)], check=True, timeout=300,
                   env={**os.environ, "ANT_BUILD": str(BUILD)})
    return program
