"""Real clients of the host against the guest's servers, hashes compared in both directions."""

import hashlib
import random
import socket
import subprocess

import pytest

from harness import Machine
from transfers import Curl, check_upload, download, guest_sum, stream, upload

MEBI = 1 << 20


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("transfer") as machine:
        machine.wait_for_network()
        yield machine


def test_serves_a_page(guest):
    transfer = Curl(guest.url("/"))
    transfer.finish()
    assert b"AnT" in transfer.answer


@pytest.mark.parametrize("size, seed", [(0, 1), (1, 2), (7, 3), (1460, 4), (4097, 5), (100_000, 7)])
def test_stream_is_what_the_format_says(guest, size, seed):
    assert download(guest, size, seed).finish() == hashlib.sha256(stream(size, seed)).hexdigest()
    assert guest_sum(guest, size, seed) == hashlib.sha256(stream(size, seed)).hexdigest()


def test_long_download(guest):
    assert download(guest, 16 * MEBI, 7).finish() == guest_sum(guest, 16 * MEBI, 7)


@pytest.mark.parametrize("size", [0, 1, 1461, 8 * MEBI])
def test_upload(guest, size):
    body = random.Random(size).randbytes(size)
    check_upload(upload(guest, body), body)


def test_transfers_at_once(guest):
    body = random.Random(3).randbytes(2 * MEBI)
    downloads = [download(guest, 2 * MEBI, seed) for seed in range(4)]
    uploads = [upload(guest, body) for _ in range(3)]
    for seed, transfer in enumerate(downloads):
        assert transfer.finish() == guest_sum(guest, 2 * MEBI, seed)
    for transfer in uploads:
        check_upload(transfer, body)


def test_netcat_echo(guest):
    body = random.Random(5).randbytes(300_000)
    answer = subprocess.run(["nc", "-N", "127.0.0.1", str(guest.ports["echo"])], input=body, capture_output=True,
                            timeout=300, check=False)
    assert answer.stdout == body


def test_echo_of_single_bytes(guest):
    with socket.create_connection(("127.0.0.1", guest.ports["echo"]), timeout=120) as connection:
        for value in range(100):
            connection.sendall(bytes([value]))
            assert connection.recv(1) == bytes([value])


def test_iperf(guest):
    result = subprocess.run(["iperf", "-c", "127.0.0.1", "-p", str(guest.ports["iperf"]), "-t", "3", "-f", "m"],
                            capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0 and "bits/sec" in result.stdout, result.stdout + result.stderr


def test_ping_and_fetch_from_the_guest(guest):
    guest.run("ping 10.0.2.2")
    assert guest.command("fetch http://10.0.2.2:1/")[1] != 0


def test_nothing_is_left_over(guest):
    assert "audit" in guest.run("ica")
