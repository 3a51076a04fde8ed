"""inet is replaced, crashes, hangs and is killed; its sockets, connections and bytes stay."""

import itertools
import random
import socket
import struct
import time
from pathlib import Path

import pytest

import inet_failures
from antlib import run
from harness import Machine, assert_healthy, compiled
from inet_failures import (ACK, EXCHANGE, SEED, SYN, Echo, Handshake, handshakes_through, hundred_connections, peer_alone,
                           stop_in_exchanges, stops, transfers_through, wait_for_listeners)
from transfers import download, guest_sum
from wire import TCP, Wire

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


def connections_through(guest, end: str) -> None:
    """Connections of several kinds, and an end of inet among them."""
    streaming, half_closed = Echo(guest), Echo(guest)
    data = random.Random(2).randbytes(200_000)
    half_closed.socket.sendall(data[:5000])
    half_closed.socket.shutdown(socket.SHUT_WR)
    streaming.socket.sendall(data)
    guest.command(end)
    streaming.expect(data)
    streaming.ask(data)
    half_closed.expect(data[:5000])
    assert half_closed.socket.recv(1) == b""
    half_closed.socket.close()
    streaming.end()


@pytest.fixture(scope="module", name="mixture")
def running_mixture(tmp_path_factory):
    with inet_failures.mixture(tmp_path_factory) as guest_and_mixture:
        yield guest_and_mixture


def test_a_mixture_of_a_hundred_connections(mixture):
    """Also some in TIME_WAIT, calls that wait, and datagrams."""
    guest, others = mixture
    hundred_connections(guest, ENDS * 5, others.through)


def test_stopped_while_a_call_waits(mixture):
    """Also between the socket's record, which says what the call got, and the connection's, which says that it was received."""
    guest, others = mixture
    step = 40
    for instructions in range(random.Random(SEED).randrange(1, step), 4000, step):
        guest.command(f"stop-after inet {instructions}")
        others.lasting.ask(b"%d" % instructions)


def test_half_open():
    with peer_alone() as (guest, wire):
        handshakes_through(guest, wire, ENDS * 5)


class Unaccepted(Handshake):
    PORT = 5001  # `listening`

    def hear_of(self, data: bytes) -> None:
        """The first bytes are acknowledged, and nothing is said of the handshake any more."""
        self.send(ACK, 1, self.peer + 1, data)
        for frame in self.wire.frames(30):
            if frame[23] != TCP or struct.unpack("!H", frame[36:38])[0] != self.own_port:
                continue
            assert not frame[47] & SYN, "it is half open again"
            if struct.unpack("!I", frame[42:46])[0] == self.sequence + 1 + len(data):
                return
        raise AssertionError("no answer")


def test_established_before_anybody_hears_of_it(tmp_path_factory):
    """The peer's last word in the handshake is on record: it is not asked for it again."""
    program = compiled(Path(__file__).parent / "programs" / "listening.c", tmp_path_factory.mktemp("programs"))
    with Machine("inet-unaccepted", raw_wire="alone", image=run.image_with([program])) as guest:
        wire = Wire(guest)
        try:
            wire.wait_for_address(guest)
            wait_for_listeners(guest)
            guest.run("stop iperf")
            guest.run("start listening")
            wait_for_listeners(guest)
            for number in range(4):
                time.sleep(0.5)  # inet has few timers now: each makes a commit
                connection = Unaccepted(wire, 30_000 + number)
                connection.send(ACK, 1, connection.peer + 1)
                guest.command("crash inet null")
                connection.hear_of(b"first")
        finally:
            wire.close()


PROBATION = 2.5  # s, and more


def program_of(guest) -> str:
    return next(row["program"] for row in guest.json("servers") if row["name"] == "inet")


def test_a_newer_state_format():
    """inet@2 writes inet's format until its probation is over, and then another one, which inet refuses."""
    with Machine("inet-formats") as guest:
        guest.wait_for_network()
        lasting = Echo(guest)
        guest.run("replace inet=inet@2")
        lasting.ask(b"with the old format" * 100)
        connections_through(guest, "crash inet null")  # on probation: rolled back
        assert program_of(guest) == "inet"
        lasting.ask(b"rolled back" * 100)

        guest.run("replace inet=inet@2")
        guest.run("replace inet=inet")  # the format is the old one still
        lasting.ask(b"back again" * 100)

        guest.run("replace inet=inet@2")
        time.sleep(PROBATION)
        lasting.ask(b"with the new format" * 100)
        output, status = guest.command("replace inet=inet")
        assert status != 0 and "state_refused" in output, output
        assert program_of(guest) == "inet@2"
        for end in ("crash inet null", "replace inet", "kill inet"):
            connections_through(guest, end)
            lasting.ask(end.encode() * 100)
            assert program_of(guest) == "inet@2"
        lasting.end()
        assert_healthy(guest)


def test_wrong_answers(guest):
    """Applications outlive an inet that answers nonsense: at worst one connection ends."""
    pids = {row["name"]: row["pid"] for row in guest.json("ps")}
    for number in range(12):
        busy = Echo(guest)
        busy.socket.sendall(random.Random(number).randbytes(50_000))
        guest.command("crash inet bad_reply")
        busy.socket.close()
    guest.command("crash inet null")
    last = Echo(guest)
    last.ask(b"still here" * 1000)
    last.end()
    assert download(guest, 1_000_000, 1).finish() == guest_sum(guest, 1_000_000, 1)
    for name in ("web", "echo", "iperf"):
        assert pids[name] == next(row["pid"] for row in guest.json("ps") if row["name"] == name)
    assert_healthy(guest)
