"""The same image under Bochs, which has other devices, other bugs and no RTL8139."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from antlib import qemu
from harness import IMAGE, LOGS

ROM = "/usr/share/seabios/bios.bin"
CONFIGURATION = """
cpu: model={model}, ips=100000000, reset_on_triple_fault=0
memory: guest=128, host=128
romimage: file={rom}
vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin
ata0-master: type=cdrom, path="{image}", status=inserted
boot: cdrom
com1: enabled=1, {serial}
log: "{log}"
panic: action=fatal
error: action=report
info: action=ignore
display_library: sdl2
clock: sync=none
sound: waveoutdrv=dummy
"""


def start(folder: Path, model: str, serial: str) -> subprocess.Popen:
    (folder / "bochsrc").write_text(
        CONFIGURATION.format(model=model, rom=ROM, image=IMAGE, serial=serial, log=folder / "bochs.log"))
    (folder / "commands").write_text("c\n")
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    with open(folder / "output.log", "wb") as output:
        return subprocess.Popen(["bochs", "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "commands")],
                                env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder)


def folder_of(name: str) -> Path:
    folder = LOGS / f"bochs-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def boot(model: str, seconds: float) -> str:
    folder = folder_of(model)
    serial = folder / "serial.log"
    serial.unlink(missing_ok=True)
    process = start(folder, model, f'mode=file, dev="{serial}"')
    try:
        return wait_for_prompt(process, serial, seconds)
    finally:
        process.kill()
        process.wait()


def wait_for_prompt(process: subprocess.Popen, serial, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    text = ""
    while time.monotonic() < deadline and process.poll() is None:
        text = serial.read_text("utf-8", "replace") if serial.is_file() else ""
        if "ant> " in text or "panic of the inner core" in text:
            return text
        time.sleep(0.2)
    return text


@pytest.mark.parametrize("model", ["p4_prescott_celeron_336", "corei7_haswell_4770"])
def test_boots_to_the_prompt(model):
    text = boot(model, 300)
    assert "panic of the inner core" not in text, text
    assert "ant> " in text, text
    assert "no RTL8139" in text, "it must say that there is no RTL8139"


def connected(process: subprocess.Popen, port: int, seconds: float) -> socket.socket:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("localhost", port), seconds)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline and process.poll() is None, "Bochs does not listen"
            time.sleep(0.2)


def answer(connection: socket.socket, command: str = "") -> str:
    """What the system says until it prompts."""
    if command:
        connection.sendall(command.encode() + b"\r")
    text = b""
    while not text.endswith(b"ant> "):
        part = connection.recv(4096)
        assert part and b"panic of the inner core" not in text, text.decode("utf-8", "replace")
        text += part
    return text.decode("utf-8", "replace")


def test_a_trap_flag_does_not_reach_the_core():
    """Bochs raises the trap of a SYSCALL with the trap flag set behind it, in the core."""
    port = qemu.any_free_port()
    process = start(folder_of("trap-flag"), "corei7_haswell_4770", f'mode=socket-server, dev="localhost:{port}"')
    try:
        with connected(process, port, 100) as connection:
            connection.settimeout(200)
            answer(connection)
            assert "ended by a fault" in answer(connection, "run trap syscall-single-step")
            answer(connection, "stop-after echo 20")
            assert "echo" in answer(connection, "servers")
    finally:
        process.kill()
        process.wait()
