"""IP fragments, good and bad. The test is alone with the guest on its segment, as QEMU's user network
does not survive all of this."""

import random

import pytest

from harness import Machine, assert_healthy
from test_wire import answered_pings
from wire import ICMP, UDP, Wire, icmp_echo


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("fragments", raw_wire="alone") as machine:
        yield machine


@pytest.fixture(scope="module", name="wire")
def peer(guest):
    wire = Wire(guest)
    wire.wait_for_address(guest)
    yield wire
    wire.close()


def test_fragments_that_overlap_or_never_end(guest, wire):
    source = random.Random(2)
    more = 0x2000
    for ident in range(200):
        wire.send_ip(bytes(1480), UDP, ident=ident, fragment=more)  # never completed
        wire.send_ip(bytes(1480), UDP, ident=ident, fragment=more | 100)  # overlaps
        wire.send_ip(bytes(8), UDP, ident=ident, fragment=0x1FFF)  # would end beyond 64 KiB
        wire.send_ip(bytes(source.randrange(1, 1400)), ICMP, ident=ident, fragment=source.randrange(0x4000))
    # The flood is faster than the card's ring: pings right behind it may be lost with it, as on any wire. Once the
    # guest has caught up it must answer every one.
    assert any(answered_pings(wire, 10, 88 + attempt, 56) == 10 for attempt in range(10))
    assert_healthy(guest)


def test_fragmented_ping_is_put_together(guest, wire):
    message = icmp_echo(77, 1, bytes(2000))
    wire.send_ip(message[:1480], ICMP, ident=9999, fragment=0x2000)
    wire.send_ip(message[1480:], ICMP, ident=9999, fragment=1480 // 8)
    answers = [frame for frame in wire.frames(5) if frame[23] == ICMP]
    assert answers, "no answer to a ping in two fragments"
