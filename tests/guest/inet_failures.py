"""What inet's connections go through: replacements, crashes, hangs, and stops at any instruction."""

import itertools
import os
import random
import socket
import threading

from harness import assert_healthy
from transfers import check_upload, download, guest_sum, upload

MEBI = 1 << 20
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
    """A connection to the guest's echo server."""

    def __init__(self, guest):
        self.socket = socket.create_connection(("127.0.0.1", guest.ports["echo"]), timeout=120)
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

    def finish(self) -> None:
        self.stopping.set()
        self.join(300)
        assert not self.is_alive(), "it hangs"
        assert self.error is None, repr(self.error)
        assert self.done > 0


def hundred_connections(guest, commands: list[str]) -> None:
    """Idle, streaming, half-closed ones and ones that begin and end, through all of the commands: none is reset."""
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
        guest.command(command)
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
