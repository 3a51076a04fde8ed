"""Nonsense at the web server's door: an error to whoever caused it, everybody else goes on."""

import random
import socket
import time

import pytest

from harness import Machine, assert_healthy
from transfers import download, guest_sum

NONSENSE = {
    "empty": b"",
    "no-method": b"\r\n\r\n",
    "binary": bytes(range(256)) * 8,
    "unknown-method": b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
    "no-version": b"GET /\r\n\r\n",
    "bad-version": b"GET / HTTP/9.9\r\n\r\n",
    "long-line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "long-header": b"GET / HTTP/1.1\r\nX: " + b"b" * 100_000 + b"\r\n\r\n",
    "many-headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    "bad-length": b"PUT /sink HTTP/1.1\r\nContent-Length: banana\r\n\r\n",
    "negative-length": b"PUT /sink HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "huge-length": b"PUT /sink HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "bad-number": b"GET /random?bytes=18446744073709551616&seed=x HTTP/1.1\r\nHost: x\r\n\r\n",
    "no-number": b"GET /random?bytes=&seed= HTTP/1.1\r\nHost: x\r\n\r\n",
    "percent": b"GET /%00%ff%2e%2e/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "nul": b"GET /\0 HTTP/1.1\r\n\r\n",
    "bare-lf": b"GET / HTTP/1.1\nHost: x\n\n",
}


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("http") as machine:
        machine.wait_for_network()
        yield machine


def send(guest, data: bytes, half_close: bool = True) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", guest.ports["web"]), timeout=120) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
                if len(answer) > 1 << 20:
                    break
        except ConnectionError:
            pass
    return answer


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense(guest, name):
    answer = send(guest, NONSENSE[name])
    if answer and name not in ("bare-lf", "no-version", "bad-version"):
        assert answer.startswith(b"HTTP/1.") and answer[9:10] in b"45", answer[:100]
    guest.wait_for_network()


def test_random_bytes(guest):
    source = random.Random(1)
    for _ in range(50):
        send(guest, source.randbytes(source.randrange(1, 3000)))
    guest.wait_for_network()


def test_slow_clients_do_not_stop_others(guest):
    slow = []
    for _ in range(16):
        connection = socket.create_connection(("127.0.0.1", guest.ports["web"]), timeout=120)
        connection.sendall(b"GET / HT")
        slow.append(connection)
    assert download(guest, 200_000, 1).finish() == guest_sum(guest, 200_000, 1)
    for connection in slow:
        connection.close()


def test_clients_that_leave_in_the_middle(guest):
    for seed in range(20):
        with socket.create_connection(("127.0.0.1", guest.ports["web"]), timeout=120) as connection:
            connection.sendall(b"GET /random?bytes=10000000&seed=%d HTTP/1.1\r\nHost: x\r\n\r\n" % seed)
            connection.recv(1000)
    time.sleep(1)
    guest.wait_for_network()
    assert download(guest, 200_000, 2).finish() == guest_sum(guest, 200_000, 2)
    assert_healthy(guest)
