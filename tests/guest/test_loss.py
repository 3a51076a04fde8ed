"""Sequence-numbered packets at 80 % of the measured capacity, through replacements of the driver:
none that the card accepted is lost."""

import struct
import threading
import time
from pathlib import Path

import pytest

from antlib import run
from harness import Machine, assert_healthy, compiled
from wire import ICMP, UDP, Wire, icmp_echo, udp

PAYLOAD = 1000
IDENT = 600
CALIBRATION, COUNT, WINDOW = 1000, 4000, 48


class Pings:
    """ICMP echo: inet itself answers."""
    protocol = ICMP

    def packet(self, wire, number: int) -> bytes:
        return icmp_echo(IDENT, number & 0xFFFF, struct.pack("!I", number) + bytes(PAYLOAD - 4))

    def number(self, frame: bytes) -> int | None:
        if frame[23] != ICMP or frame[34] != 0:
            return None
        return struct.unpack("!I", frame[42:46])[0]


class Datagrams:
    """UDP echo: a program on BSD sockets answers."""
    protocol = UDP

    def packet(self, wire, number: int) -> bytes:
        return udp(struct.pack("!I", number) + bytes(PAYLOAD - 4), 7, wire.guest_ip)

    def number(self, frame: bytes) -> int | None:
        if frame[23] != UDP:
            return None
        return struct.unpack("!I", frame[42:46])[0]


@pytest.fixture(scope="module", name="guest")
def running_guest(tmp_path_factory):
    program = compiled(Path(__file__).parent / "programs/udp_echo.c", tmp_path_factory.mktemp("programs"))
    with Machine("loss", raw_wire="alone", image=run.image_with([program])) as machine:
        machine.run("start udp_echo")
        yield machine


@pytest.fixture(scope="module", name="wire")
def peer(guest):
    wire = Wire(guest)
    wire.wait_for_address(guest)
    yield wire
    wire.close()


def send(wire, kind, number: int) -> None:
    wire.send_ip(kind.packet(wire, number), kind.protocol, ident=number)


def capacity(wire, kind) -> float:
    """Answers in a second when eight are always under way."""
    for number in range(8):
        send(wire, kind, number)
    sent, answered = 8, 0
    started = time.monotonic()
    for frame in wire.frames(20):
        if kind.number(frame) is None:
            continue
        answered += 1
        if answered == CALIBRATION:
            break
        send(wire, kind, sent)
        sent += 1
    assert answered == CALIBRATION, f"only {answered} answers"
    return answered / (time.monotonic() - started)


def answered_numbers(wire, kind, pause: float) -> list[int]:
    """Sends at a steady rate. Never more than WINDOW are under way, so that a host which stops this
    process or QEMU for a while does not make a burst of it."""
    numbers = []
    collector = threading.Thread(
        target=lambda: numbers.extend(number for frame in wire.frames(5) if (number := kind.number(frame)) is not None))
    collector.start()
    for number in range(COUNT):
        patience = time.monotonic() + 2
        while number - len(numbers) >= WINDOW and time.monotonic() < patience:
            time.sleep(0.001)
        send(wire, kind, number)
        time.sleep(pause)
    collector.join()
    return numbers


def counters(guest) -> dict:
    interface = guest.json("net")[0]
    return {"inet dropped": interface["dropped"], **{f"card {key}": value for key, value in interface["statistics"].items()
                                                     if key in ("missed", "receive_overflows", "dropped", "receive_errors")}}


@pytest.mark.parametrize("kind", [Pings(), Datagrams()], ids=["icmp", "udp"])
@pytest.mark.parametrize("what", ["rtl8139", "rtl8139=rtl8139@2"])
def test_no_packet_is_lost(guest, wire, kind, what):
    pause = 1 / (0.8 * capacity(wire, kind))
    for _ in wire.frames(2):
        pass
    before = counters(guest)
    result = []
    sender = threading.Thread(target=lambda: result.extend(answered_numbers(wire, kind, pause)))
    sender.start()
    replaced = 0
    while sender.is_alive():
        assert "replaced=rtl8139" in guest.run(f"replace {what}")
        replaced += 1
        time.sleep(0.1)
    assert replaced >= 3
    lost = sorted(set(range(COUNT)) - set(result))
    assert not lost, f"{len(lost)} lost from {lost[0]} on; before {before}, after {counters(guest)}"
    assert len(result) == COUNT, "a packet was answered twice"
    assert_healthy(guest)
