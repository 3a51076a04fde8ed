"""inet is replaced, crashes, hangs and is killed; its sockets, connections and bytes stay."""

import itertools
import random
import socket
import struct

import pytest

from harness import Machine, assert_healthy
from replacing import replace
from transfers import check_upload, download, guest_sum, upload

MEBI = 1 << 20
FAILURES = ["crash inet null", "kill inet", "crash inet panic", "hang inet"]


@pytest.fixture(scope="module")
def guest():
    with Machine("inet-recovery") as machine:
        machine.wait_for_network()
        yield machine


def fail(guest, command: str) -> None:
    """The command itself may be answered with an error by a server that is ending."""
    guest.command(command)


def transfer_through(guest, direction: str, commands, most: int, seed: int) -> int:
    """One connection, its bytes checked. -> how many commands were given while it was open"""
    size = 24 * MEBI
    body = random.Random(seed).randbytes(size) if direction == "upload" else b""
    transfer = upload(guest, body) if body else download(guest, size, seed)
    during = 0
    while transfer.is_alive() and during < most:
        guest.command(next(commands))
        during += transfer.is_alive()
    if body:
        check_upload(transfer, body)
    else:
        assert transfer.finish() == guest_sum(guest, size, seed)
    return during


def through(guest, direction: str, commands: list[str], count: int) -> None:
    """In as many transfers as it takes."""
    done, endless = 0, itertools.cycle(commands)
    for seed in itertools.count(1):
        during = transfer_through(guest, direction, endless, count - done, seed)
        assert during > 0, "the transfer was over before anything happened"
        done += during
        if done >= count:
            break
    assert_healthy(guest)


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_replacements(guest, direction):
    through(guest, direction, ["replace inet"], 20)


@pytest.mark.parametrize("direction", ["download", "upload"])
@pytest.mark.parametrize("command", FAILURES, ids=lambda c: c.replace(" inet", "").replace(" ", "-"))
def test_failures(guest, direction, command):
    through(guest, direction, [command], 20 if command == "crash inet null" else 5)


def echo_connection(guest) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", guest.ports["echo"]), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    answer = b""
    while len(answer) < len(data):
        part = connection.recv(65536)
        assert part, f"the connection ended after {len(answer)} of {len(data)} bytes"
        answer += part
    assert answer == data


@pytest.mark.parametrize("command", ["replace inet", "crash inet null"])
def test_open_connections_stay(guest, command):
    """Idle ones, and one that was in use just before."""
    connections = [echo_connection(guest) for _ in range(20)]
    for number, connection in enumerate(connections):
        ask(connection, b"%d" % number)
    for round in range(5):
        guest.command(command)
        for number, connection in enumerate(connections):
            ask(connection, random.Random(round * 100 + number).randbytes(1 + 700 * (number % 5)))
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("command", ["replace inet", "crash inet null"])
def test_half_closed(guest, command):
    """What was sent before the end of the stream comes back after it."""
    connection = echo_connection(guest)
    data = random.Random(1).randbytes(300_000)
    connection.sendall(data[:1000])
    guest.command(command)
    connection.sendall(data[1000:])
    guest.command(command)
    connection.shutdown(socket.SHUT_WR)
    guest.command(command)
    answer = b""
    while part := connection.recv(65536):
        answer += part
    assert answer == data
    connection.close()


@pytest.mark.parametrize("command", ["replace inet", "crash inet null"])
def test_new_connections_right_after(guest, command):
    for number in range(10):
        guest.command(command)
        connection = echo_connection(guest)
        ask(connection, struct.pack("<Q", number) * 500)
        connection.close()


@pytest.mark.parametrize("command", ["replace inet", "crash inet null"])
def test_addresses_stay(guest, command):
    """The lease is not asked for again."""
    before = guest.run("net").splitlines()[:2]
    guest.command(command)
    assert guest.run("net").splitlines()[:2] == before
