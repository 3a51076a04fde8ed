"""What inet's connections go through: replacements, crashes, hangs, and stops at any instruction."""

import contextlib
import itertools
import os
import random
import socket
import struct
import threading
import time
from pathlib import Path

from antlib import run
from harness import Machine, assert_healthy, compiled
from transfers import Curl, check_upload, download, guest_sum, upload
from wire import TCP, Wire, tcp

MEBI = 1 << 20
SYN, RST, ACK = 2, 4, 16
SEED = int(os.environ.get("ANT_SEED") or random.SystemRandom().randrange(1 << 32))
# Instructions of a whole exchange: the calls that send and receive it, on both sides, and what they wait for.
EXCHANGE = {"inline": 25_000, "lent": 40_000, "moved": 40_000}


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


def transfers_through(guest, direction: str, commands, count: int) -> None:
    """In as many transfers as it takes."""
    done = 0
    for seed in itertools.count(1):
        during = transfer_through(guest, direction, commands, count - done, seed)
        assert during > 0, "the transfer was over before anything happened"
        done += during
        if done >= count:
            break
    assert_healthy(guest)


def stops():
    """inet ends somewhere in its next calls."""
    print(f"seed {SEED}")
    numbers = random.Random(SEED)
    while True:
        yield f"stop-after inet {numbers.randrange(1, 30_000)}"


def stop_in_exchanges(guest, kind: str, first: int, step: int) -> None:
    output = guest.run(f"run stop-inet {kind} {first} {step} {EXCHANGE[kind]}", timeout=36000)
    assert " 0 wrong" in output
    assert int(output.split("ended ")[1].split()[0]) >= EXCHANGE[kind] // step // 2
    assert_healthy(guest)


class Echo:
    """A connection to the guest's echo server, or another one that does the same."""

    def __init__(self, guest, server: str = "echo"):
        self.socket = socket.create_connection(("127.0.0.1", guest.ports[server]), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.expect(data)

    def expect(self, data: bytes) -> None:
        answer = bytearray()
        while len(answer) < len(data):
            part = self.socket.recv(65536)
            assert part, f"the connection ended after {len(answer)} of {len(data)} bytes"
            answer += part
        assert answer == data

    def end(self) -> None:
        """What was sent has come back; the other direction ends as well."""
        self.socket.shutdown(socket.SHUT_WR)
        assert self.socket.recv(1) == b""
        self.socket.close()


class Busy(threading.Thread):
    """Works on connections until told to stop."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error, self.done, self.stopping = work, None, 0, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.work(self.done)
                self.done += 1
        except Exception as error:
            self.error = error

    def go_on(self, times: int) -> None:
        """Waits until it has worked so often again."""
        wanted, end = self.done + times, time.monotonic() + 120
        while self.done < wanted:
            assert self.error is None and time.monotonic() < end, f"it does not go on: {self.error!r}"
            time.sleep(0.001)

    def finish(self) -> None:
        self.stopping.set()
        self.join(300)
        assert not self.is_alive(), "it hangs"
        assert self.error is None, repr(self.error)
        assert self.done > 0


class Handshake:
    """A connection to the echo server that has only been asked for, by a peer on the wire."""

    PORT = 7

    def __init__(self, wire, own_port: int):
        self.wire, self.own_port, self.sequence = wire, own_port, own_port * 1000
        self.send(SYN)
        self.peer = next(self.answers(SYN | ACK))[0]

    def send(self, flags: int, sequence: int = 0, acknowledgement: int = 0, payload: bytes = b"") -> None:
        self.wire.send_ip(tcp(self.PORT, self.wire.guest_ip, flags, own_port=self.own_port, sequence=self.sequence + sequence,
                              acknowledgement=acknowledgement, payload=payload), TCP)

    def answers(self, flags: int):
        """Sequence number and payload of each segment for us with these flags."""
        for frame in self.wire.frames(30):
            segment = frame[34:14 + struct.unpack("!H", frame[16:18])[0]]
            if frame[23] != TCP or struct.unpack("!H", segment[2:4])[0] != self.own_port:
                continue
            assert not segment[13] & RST, "the guest has forgotten the connection"
            if segment[13] & flags == flags:
                yield struct.unpack("!I", segment[4:8])[0], segment[(segment[12] >> 4) * 4:]
        raise AssertionError("no answer")

    def complete(self, data: bytes) -> None:
        """The last step, an exchange, and a reset: nothing stays."""
        self.send(ACK, 1, self.peer + 1)
        self.send(ACK, 1, self.peer + 1, data)
        assert next(payload for _, payload in self.answers(ACK) if payload) == data
        self.send(RST | ACK, 1 + len(data), self.peer + 1 + len(data))


def datagram(guest, number: int) -> None:
    """A question to udp_echo. Datagrams may be lost; the socket may not."""
    question = b"datagram %d" % number
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(3)
        for _ in range(20):
            asker.sendto(question, ("127.0.0.1", guest.udp_ports["echo"]))
            with contextlib.suppress(TimeoutError):
                assert asker.recv(2048) == question
                return
    raise AssertionError("no answer")


def first_connection(guest, server: str) -> Echo:
    """To a program that was started just now, as soon as it listens: until then QEMU accepts and ends connections."""
    deadline = time.monotonic() + 60
    while True:
        connection = Echo(guest, server)
        try:
            connection.ask(b"ready")
            return connection
        except (AssertionError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Mixture:
    """What is under way while inet ends: a receive and an accept that wait, connections in TIME_WAIT, datagrams."""

    def __init__(self, guest):
        self.guest, self.number = guest, 0
        self.lasting = first_connection(guest, "iperf")  # `blocking` listens there

    def through(self, command: str) -> None:
        self.number += 1
        text = b"%d" % self.number
        if self.number % 2 == 0:  # it waits in accept this time
            self.lasting.end()
        assert Curl("--http1.0", self.guest.url("/random?bytes=10&seed=1")).finish()  # the guest closes first
        self.guest.command(command)
        if self.number % 2 == 0:
            self.lasting = Echo(self.guest, "iperf")
        self.lasting.ask(text * 1000)
        datagram(self.guest, self.number)


def handshakes_through(guest, wire, commands: list[str]) -> None:
    """Several half-open connections through each of the commands."""
    for number, command in enumerate(commands):
        half_open = [Handshake(wire, 20_000 + number * 10 + i) for i in range(10)]
        guest.command(command)
        for handshake in half_open:
            handshake.complete(b"%d" % handshake.own_port)


@contextlib.contextmanager
def mixture(tmp_path_factory):
    """A machine with the servers that a Mixture asks."""
    folder, sources = tmp_path_factory.mktemp("programs"), Path(__file__).parent / "programs"
    programs = [compiled(sources / source, folder) for source in ("udp_echo.c", "blocking.c")]
    with Machine("inet-mixture", udp_ports={"echo": 7}, image=run.image_with(programs)) as machine:
        machine.wait_for_network()
        machine.run("stop iperf")
        for program in programs:
            machine.run(f"start {program.name}")
        yield machine, Mixture(machine)


def wait_for_listeners(guest) -> None:
    """Of web, echo and iperf: they begin a moment after the address is there."""
    deadline = time.monotonic() + 60
    while "listeners 3" not in guest.run("net"):
        assert time.monotonic() < deadline, "not all servers listen"
        time.sleep(0.1)


@contextlib.contextmanager
def peer_alone():
    """A machine and a peer on its wire."""
    with Machine("inet-handshakes", raw_wire="alone") as machine:
        wire = Wire(machine)
        try:
            wire.wait_for_address(machine)
            wait_for_listeners(machine)
            yield machine, wire
        finally:
            wire.close()


def hundred_connections(guest, commands: list[str], give=None) -> None:
    """Idle, streaming, half-closed ones and ones that begin and end, through all of the commands: none is reset."""
    give = give or guest.command
    idle = [Echo(guest) for _ in range(40)]
    streaming = [Echo(guest) for _ in range(40)]
    half_closed = [Echo(guest) for _ in range(15)]
    for number, connection in enumerate(idle):
        connection.ask(b"before %d" % number)
    pending = random.Random(1).randbytes(5000)
    for connection in half_closed:
        connection.socket.sendall(pending)
        connection.socket.shutdown(socket.SHUT_WR)

    def stream(connections):
        def work(number):
            data = random.Random(number).randbytes(1 + number * 977 % 30_000)
            for connection in connections:
                connection.ask(data)
        return work

    def open_and_close(number):
        connection = Echo(guest)
        connection.ask(b"%d" % number)
        connection.end()

    busy = [Busy(stream(streaming[i::4])) for i in range(4)] + [Busy(open_and_close)]
    for command in commands:
        give(command)
    for worker in busy:
        worker.finish()
    for connection in half_closed:
        connection.expect(pending)
        assert connection.socket.recv(1) == b""
        connection.socket.close()
    for number, connection in enumerate(idle):
        connection.ask(b"after %d" % number)
    for connection in idle + streaming:
        connection.end()
    assert_healthy(guest)
