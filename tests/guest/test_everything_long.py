"""Every server is replaced, crashed, hung and killed in random order for some minutes, while clients of all kinds go on:
downloads, uploads, files written and read by HTTP, echo connections, SQLite and other programs. No client sees more than a delay."""

import hashlib
import random
import socket
import threading
import time

import pytest

from harness import Machine, assert_healthy, disks
from transfers import Curl, check_upload, download, stream, upload

SERVERS = ("rtl8139", "inet", "console", "guardian", "disk", "cache", "file")
FAULTS = ("null", "text", "div0", "stack", "wild", "panic", "exit")
SECONDS = 480
MEBI = 1 << 20
SQL = "run sqlite3 -batch -init /dev/null /home/everything.db"


class Client(threading.Thread):
    """Does `work(random)` again and again until the end or the first failure."""

    end = False

    def __init__(self, seed: int, work):
        super().__init__(daemon=True)
        self.random, self.work, self.done, self.failure = random.Random(seed), work, 0, None
        self.start()

    def run(self):
        try:
            while not Client.end:
                self.work(self.random)
                self.done += 1
        except Exception as failure:  # shown by the test
            self.failure = failure
            raise


def downloads(guest):
    expected = stream(4 * MEBI, 7)
    return lambda source: check_download(guest, expected[:source.randrange(1, len(expected))])


def check_download(guest, expected: bytes) -> None:
    assert download(guest, len(expected), 7).finish() == hashlib.sha256(expected).hexdigest()


def uploads(guest):
    def work(source):
        body = source.randbytes(source.randrange(1, 8 * MEBI))
        check_upload(upload(guest, body), body)

    return work


def files(guest, number: int):
    authorization = ("-H", "Expect:", "-H", f"Authorization: Bearer {guest.token()}")
    url = guest.url(f"/upload/everything-{number}")

    def work(source):
        body = source.randbytes(source.randrange(1, MEBI))
        Curl(*authorization, "-T", "-", url, body=body).finish()
        assert Curl(url).finish() == hashlib.sha256(body).hexdigest()

    return work


def echoes(guest):
    connection = socket.create_connection(("127.0.0.1", guest.ports["echo"]), 300)

    def work(source):
        sent, back = source.randbytes(source.randrange(1, 5000)), b""
        connection.sendall(sent)
        while len(back) < len(sent):
            data = connection.recv(65536)
            assert data, "the connection has ended"
            back += data
        assert back == sent
        time.sleep(source.random() * 0.2)

    return work


def disturb(guest, source: random.Random) -> None:
    """One command that a running server does not outlive as it is."""
    server, kind = source.choice(SERVERS), source.random()
    if kind < 0.5:
        guest.run(f"replace {server}")
    elif kind < 0.7:  # all or none: not if one waits for another
        guest.command(f"replace {' '.join(source.sample((*SERVERS, 'web', 'echo', 'shell'), 3))}")
    else:
        guest.command(f"hang {server}" if kind > 0.95 else f"crash {server} {source.choice(FAULTS)}")
        time.sleep(source.choice((0.2, 1, 3)))  # who fails too often is started with pauses


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_nobody_loses_anything(machine):
    seed = random.SystemRandom().randrange(1 << 20)
    print(f"seed {seed}")
    source = random.Random(seed)
    with Machine(f"everything-{machine}", machine=machine, memory=192, disk=True) as guest:
        guest.wait_for_network()
        guest.run(f'{SQL} "create table t(i integer primary key, x);"')
        Client.end = False
        kinds = (downloads, uploads, echoes, lambda guest: files(guest, 1), lambda guest: files(guest, 2))
        clients = [Client(seed + number, kind(guest)) for number, kind in enumerate(kinds)]
        rows, until = 0, time.monotonic() + SECONDS
        while time.monotonic() < until and not any(client.failure for client in clients):
            disturb(guest, source)
            if source.random() < 0.3:
                guest.run(f'{SQL} "insert into t(x) values(hex(randomblob(500)));"')
                rows += 1
        Client.end = True
        for client in clients:
            client.join(600)
        assert not any(client.is_alive() or client.failure for client in clients), [client.failure for client in clients]
        assert rows > 0 and min(client.done for client in clients) > 0
        assert guest.run(f'{SQL} "pragma integrity_check; select count(*), max(i) from t;"').split() == ["ok", f"{rows}|{rows}"]
        assert_healthy(guest)
        assert guest.power_off() == 0
        clean, report = disks.check(guest.disk)
        assert clean, report
