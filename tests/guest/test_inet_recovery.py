"""inet is replaced, crashes, hangs and is killed; its sockets, connections and bytes stay."""

import itertools
import random
import socket

import pytest

from harness import Machine
from inet_failures import EXCHANGE, SEED, Echo, hundred_connections, stop_in_exchanges, stops, transfers_through

FAILURES = ["crash inet null", "crash inet panic", "kill inet", "hang inet"]
ENDS = ["replace inet", "crash inet null"]


def name(command: str) -> str:
    return command.replace(" inet", "").replace(" ", "-")


@pytest.fixture(scope="module")
def guest():
    with Machine("inet-recovery") as machine:
        machine.wait_for_network()
        yield machine


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_replacements(guest, direction):
    transfers_through(guest, direction, itertools.repeat("replace inet"), 20)


@pytest.mark.parametrize("direction", ["download", "upload"])
@pytest.mark.parametrize("command", FAILURES, ids=name)
def test_failures(guest, direction, command):
    transfers_through(guest, direction, itertools.repeat(command), 20 if command == "crash inet null" else 5)


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_stopped_anywhere_in_a_transfer(guest, direction):
    transfers_through(guest, direction, stops(), 50)


@pytest.mark.parametrize("kind", EXCHANGE)
def test_stopped_in_an_exchange(guest, kind):
    """After n instructions, for some n; the long test takes them all."""
    step = 199
    first = random.Random(SEED).randrange(1, step)
    print(f"seed {SEED}: from {first} on")
    stop_in_exchanges(guest, kind, first, step)


def test_a_hundred_connections(guest):
    hundred_connections(guest, ENDS * 5)


@pytest.mark.parametrize("command", ENDS, ids=name)
def test_half_closed(guest, command):
    """What was sent before the end of the stream comes back after it."""
    connection = Echo(guest)
    data = random.Random(1).randbytes(300_000)
    connection.socket.sendall(data[:1000])
    guest.command(command)
    connection.socket.sendall(data[1000:])
    guest.command(command)
    connection.socket.shutdown(socket.SHUT_WR)
    guest.command(command)
    connection.expect(data)
    assert connection.socket.recv(1) == b""
    connection.socket.close()


@pytest.mark.parametrize("command", ENDS, ids=name)
def test_new_connections_right_after(guest, command):
    for number in range(10):
        guest.command(command)
        connection = Echo(guest)
        connection.ask(b"%d" % number * 1000)
        connection.end()


@pytest.mark.parametrize("command", ENDS, ids=name)
def test_addresses_stay(guest, command):
    """The lease is not asked for again."""
    before = guest.run("net").splitlines()[:2]
    guest.command(command)
    assert guest.run("net").splitlines()[:2] == before
