"""Garbage on the wire: whoever sends it gets nothing, everybody else goes on."""

import random
import struct
import time

import pytest

from harness import Machine, assert_healthy
from transfers import download, guest_sum
from wire import ARP, BROADCAST, ICMP, IPV4, TCP, UDP, Wire, arp, ethernet, icmp_echo, ipv4, tcp, udp

SYN, FIN, RST, ACK = 2, 1, 4, 16


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("wire", raw_wire="beside") as machine:
        machine.wait_for_network()
        yield machine


@pytest.fixture(name="wire")
def peer(guest):
    wire = Wire(guest)
    wire.introduce()
    yield wire
    wire.close()


def answered_pings(wire, count: int, ident: int, size: int) -> int:
    for number in range(count):
        wire.send_ip(icmp_echo(ident, number, bytes(size)), ICMP, ident=number)
    return len({frame[40:42] for frame in wire.frames(3)
                if frame[23] == ICMP and frame[34] == 0 and frame[38:40] == struct.pack("!H", ident)})


def check_serving(guest):
    assert download(guest, 100_000, 3).finish() == guest_sum(guest, 100_000, 3)
    assert_healthy(guest)


def test_answers_pings_of_every_size(guest, wire):
    for size in (0, 1, 17, 18, 19, 500, 1471, 1472):
        assert answered_pings(wire, 5, 100 + size, size) == 5, size


def test_random_frames(guest, wire):
    source = random.Random(1)
    for _ in range(500):
        wire.send(source.randbytes(source.randrange(14, 1514)))
        wire.send(ethernet(source.randbytes(source.randrange(0, 1500)), source.choice([ARP, IPV4, 0x86DD, 0])))
    check_serving(guest)


def test_bad_ip(guest, wire):
    payload = udp(b"x" * 100, 7, wire.guest_ip)
    for arguments in ({"bad_checksum": True}, {"length": 19}, {"length": 0}, {"length": 65535}, {"version": 0x41},
                      {"version": 0x4F}, {"version": 0x65}, {"source": wire.guest_ip}, {"source": bytes(4)},
                      {"source": b"\xff" * 4}):
        for _ in range(5):
            wire.send_ip(payload, UDP, **arguments)
    for cut in range(14, 60):
        wire.send(ethernet(ipv4(payload, UDP, wire.guest_ip))[:cut])
    check_serving(guest)


def test_bad_checksums_above_ip(guest, wire):
    for _ in range(20):
        wire.send_ip(tcp(80, wire.guest_ip, SYN)[:-1] + b"!", TCP)
        broken = bytearray(udp(b"hello", 7, wire.guest_ip))
        broken[6] ^= 0x55
        wire.send_ip(bytes(broken), UDP)
        wire.send_ip(tcp(80, wire.guest_ip, SYN, offset=15), TCP)
        wire.send_ip(tcp(80, wire.guest_ip, SYN, offset=1), TCP)
        wire.send_ip(tcp(80, wire.guest_ip, SYN | FIN | RST | ACK), TCP)
    check_serving(guest)


def test_syn_flood(guest, wire):
    source = random.Random(3)
    for number in range(2000):
        address = bytes([10, 0, 2, source.randrange(100, 250)])
        wire.send_ip(tcp(80, wire.guest_ip, SYN, own_port=source.randrange(1024, 65536), sequence=number, source=address),
                     TCP, source=address)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            check_serving(guest)
            return
        except AssertionError:
            time.sleep(1)
    check_serving(guest)


def test_arp_nonsense(guest, wire):
    source = random.Random(4)
    for _ in range(200):
        wire.send(ethernet(source.randbytes(28), ARP, BROADCAST))
        wire.send(ethernet(arp(source.randrange(65536), source.randbytes(6), source.randbytes(4)), ARP, BROADCAST))
    wire.send(ethernet(arp(2, bytes(6), wire.guest_ip)[:10], ARP, BROADCAST))
    check_serving(guest)
