"""Ordinary C programs on the C library: console, memory, time, BSD sockets. Their sources are in user/ctests."""

import hashlib
import http.server
import re
import socket
import threading
from datetime import datetime, timedelta

import pytest

from harness import Machine, assert_healthy

BODY = hashlib.shake_256(b"body").digest(300_000)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *arguments):
        pass


def fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("c-library") as machine:
        machine.wait_for_network()
        yield machine


@pytest.fixture(name="host_port")
def serving_host():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_hello(guest):
    output = guest.run("run chello one two")
    assert "argv[2]=two" in output
    assert "FAILED" not in output and "all good" in output


def test_time_of_day():
    with Machine("time-of-day", extra=["-rtc", "base=2027-03-04T05:06:07"]) as machine:
        told = re.search(r"chello: time (\S+)", machine.run("run chello"))[1]
    passed = datetime.fromisoformat(told) - datetime.fromisoformat("2027-03-04T05:06:07+00:00")
    assert timedelta(0) <= passed < timedelta(hours=1)


def test_standard_input_in_lines(guest):
    guest.console.send("run chello read\n")
    guest.console.expect("no such file: ok", 60)
    guest.console.send("first lime\x7f\x7fne\nsecond\n\x04")
    output = guest.console.until_prompt(60)
    assert "read 11: first line" in output
    assert "read 7: second" in output


def interrupt_reader(guest):
    """A program that reads is interrupted in the middle of a line."""
    guest.console.send("run chello read\n")
    guest.console.expect("no such file: ok", 60)
    guest.console.send("abc")
    guest.console.expect("abc", 60)
    guest.console.send("\x03")
    guest.console.until_prompt(60)


def test_interrupt_character(guest):
    interrupt_reader(guest)
    assert guest.console.status() == 130


def test_what_is_typed_ahead_survives_a_dead_reader(guest):
    """The read of a program that was interrupted still waits at the console while the next command works."""
    interrupt_reader(guest)
    guest.console.send("run chello one\n")
    guest.console.expect("no such file: ok", 60)
    guest.console.send("ps\n")
    assert "all good" in guest.console.until_prompt(60)
    assert "guardian" in guest.console.until_prompt(60)


def test_exit_status(guest):
    assert guest.command("run csock")[1] == 2
    assert guest.command("run csock http://no.such.name/")[1] == 1


def test_fetch(guest, host_port):
    output = guest.run(f"run csock http://10.0.2.2:{host_port}/")
    assert f"body {len(BODY)} bytes, sum {fnv1a(BODY):016x}" in output


def test_fetch_by_name_over_the_loopback(guest):
    assert "200 OK" in guest.run("run csock http://localhost/")


def test_connection_refused(guest):
    output, status = guest.command("run csock http://localhost:9/")
    assert status == 1 and "refused" in output


def test_datagrams(guest):
    output = guest.run("run cudp")
    assert "FAILED" not in output and "all good" in output


def test_poll_over_many_connections(guest):
    output = guest.run("run cpoll")
    assert "FAILED" not in output and "all good" in output


def count_pattern(connection: socket.socket, counts: list[int]) -> None:
    """How many bytes came, -1 if they are not in order (user/ctests/ccrowd.c)."""
    pattern, count, good = bytes(range(251)) * 262, 0, True
    while part := connection.recv(65536):
        good &= pattern[count % 251:][:len(part)] == part
        count += len(part)
    counts.append(count if good else -1)


def test_more_connections_with_something_to_send_than_inet_can_name_areas(guest):
    """70 x 192 KiB in pieces of 16 KiB: inet has room for 768. Who does not wait is told so, and nothing is lost."""
    counts: list[int] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.settimeout(120)
        guest.console.send(f"run ccrowd 10.0.2.2 {server.getsockname()[1]}\n")
        connections = [server.accept()[0] for _ in range(70)]
        total = int(guest.console.expect(r"ccrowd: (\d+) bytes", 120).group(1))
        readers = [threading.Thread(target=count_pattern, args=(connection, counts), daemon=True) for connection in connections]
        for reader in readers:
            reader.start()
        guest.console.expect("ccrowd: all good", 300)
        guest.console.until_prompt(60)
        for reader in readers:
            reader.join(300)
    assert sum(counts) == total + 70 * 65536 and len(counts) == 70 and -1 not in counts


def test_echo_server(guest):
    """Clients of a server that waits with poll, several at a time."""
    guest.run("stop echo")
    guest.console.send("run cecho 7 3\n")
    guest.console.expect("listening on port 7", 60)
    data = hashlib.shake_256(b"echo").digest(100_000)
    connections = [socket.create_connection(("127.0.0.1", guest.ports["echo"]), timeout=120) for _ in range(3)]
    for connection in connections:
        threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()
    for connection in connections:
        received = b""
        while len(received) < len(data):
            part = connection.recv(65536)
            assert part
            received += part
        assert received == data
        connection.close()
    assert "3 connections served" in guest.console.until_prompt(60)


def test_nothing_is_left_behind(guest):
    assert_healthy(guest)
    assert not {row["name"] for row in guest.json("ps")} & {"chello", "csock", "cecho", "cudp", "cpoll", "ccrowd"}
