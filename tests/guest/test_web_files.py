"""The web server's files: downloads, uploads with the token, paths that lead nowhere, and replacements meanwhile."""

import hashlib
import random
import socket
import subprocess
import threading

import pytest

from harness import Machine, assert_healthy, disks

DATA = random.Random(4).randbytes(5_000_011)


@pytest.fixture(scope="module", name="guest")
def running_guest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    image = disks.copy(disks.template(), folder / "disk.img")
    (folder / "data").write_bytes(DATA)
    (folder / "index").write_text("index of folder\n")
    (folder / "empty").write_text("")
    disks.change(image, ["mkdir /www/folder"])
    disks.put(image, {"/www/data.bin": folder / "data", "/www/folder/index.html": folder / "index", "/www/empty.txt": folder / "empty"})
    with Machine("web-files", disk=image) as machine:
        machine.wait_for_network()
        yield machine
        assert_healthy(machine)
        assert machine.power_off() == 0
    clean, text = disks.check(image)
    assert clean, text


def curl(*arguments: str) -> tuple[int, bytes]:
    """Status and body."""
    result = subprocess.run(["curl", "-s", "-m", "120", "--path-as-is", "-w", "\n%{http_code}", *arguments], capture_output=True, check=False)
    body, _, status = result.stdout.rpartition(b"\n")
    return int(status), body


def upload(guest, name: str, file, token: str | None = None, *more: str) -> int:
    return curl("-T", str(file), "-H", f"Authorization: Bearer {token or guest.token()}", *more, guest.url(f"/upload/{name}"))[0]


def test_pages(guest):
    status, page = curl(guest.url("/hello.html"))
    assert status == 200 and b"Hello from the disk" in page
    assert curl(guest.url("/empty.txt")) == (200, b"")
    assert curl(guest.url("/folder/")) == (200, b"index of folder\n")
    assert curl("-L", guest.url("/folder")) == (200, b"index of folder\n")
    assert curl("-I", guest.url("/data.bin"))[1].count(b"Content-Length: 5000011") == 1
    assert curl(guest.url("/nothing"))[0] == 404
    status, page = curl(guest.url("/"))
    assert status == 200 and b"AnT" in page


@pytest.mark.parametrize("path", ["/../etc/passwd", "/%2e%2e/bin/lua", "/folder/..%2f..%2fbin/lua", "/.hidden", "/folder/../../bin/lua"])
def test_paths_that_lead_out(guest, path):
    assert curl(guest.url(path))[0] == 403


def test_contents(guest):
    assert curl(guest.url("/data.bin")) == (200, DATA)


def test_many_at_once(guest):
    results = []
    threads = [threading.Thread(target=lambda: results.append(curl(guest.url("/data.bin")))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(200, DATA)] * 12


def test_several_on_one_connection(guest):
    status, body = curl(guest.url("/hello.html"), guest.url("/folder/"), guest.url("/data.bin"))
    assert status == 200 and body.endswith(DATA)


def test_pipelined(guest):
    request = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in ("/hello.html", "/nothing", "/folder/", "/empty.txt"))
    request += "GET /folder/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", guest.ports["web"]), timeout=60) as connection:
        connection.sendall(request.encode())
        while part := connection.recv(65536):
            answer += part
    assert answer.count(b"HTTP/1.1 200") == 4 and answer.count(b"HTTP/1.1 404") == 1 and answer.count(b"index of folder\n") == 2


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 2_000_003])
def test_upload(guest, tmp_path, size):
    data = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(data)
    assert upload(guest, f"up{size}.bin", tmp_path / "file") == 201
    assert curl(guest.url(f"/upload/up{size}.bin")) == (200, data)
    if size == 0:
        return  # curl sends no last chunk then
    assert upload(guest, f"up{size}.bin", tmp_path / "file", None, "-H", "Transfer-Encoding: chunked") == 201
    assert curl(guest.url(f"/upload/up{size}.bin")) == (200, data)


def test_upload_refused(guest, tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert upload(guest, "x", tmp_path / "file", "0" * 32) == 401
    assert curl("-T", str(tmp_path / "file"), guest.url("/upload/x"))[0] == 401
    assert upload(guest, ".x", tmp_path / "file") == 403
    assert upload(guest, "..%2fx", tmp_path / "file") == 403
    assert upload(guest, "a/b", tmp_path / "file") == 403
    assert curl("-T", str(tmp_path / "file"), "-H", f"Authorization: Bearer {guest.token()}", guest.url("/hello.html"))[0] == 404
    assert curl(guest.url("/upload/x"))[0] == 404


def test_upload_that_breaks_off(guest):
    head = f"PUT /upload/half HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {guest.token()}\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", guest.ports["web"]), timeout=60) as connection:
        connection.sendall(head.encode() + bytes(500_000))
    assert curl(guest.url("/upload/half"))[0] == 404
    assert curl(guest.url("/hello.html"))[0] == 200


@pytest.mark.parametrize("how", ["replace", "kill"])
def test_servers_change_meanwhile(guest, tmp_path, how):
    """Each server of the way is replaced or fails while files go down and up; the web server itself is replaced too."""
    (tmp_path / "file").write_bytes(DATA)
    results = []

    def load() -> None:
        for number in range(3):
            status, body = curl(guest.url("/data.bin"))
            results.append((status, hashlib.sha256(body).digest()))
            results.append((upload(guest, f"{how}{number}", tmp_path / "file"), b""))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    names = ["disk", "cache", "file", "inet", "rtl8139"]
    while any(thread.is_alive() for thread in threads):
        for name in names:
            guest.run(f"{how} {name}")
        if how == "replace":
            guest.run("replace web")
    assert sorted(results) == sorted([(200, hashlib.sha256(DATA).digest()), (201, b"")] * 6)
    assert curl(guest.url(f"/upload/{how}2")) == (200, DATA)


def test_upload_to_a_full_disk(tmp_path):
    image = disks.make(tmp_path / "disk.img", 24)
    (tmp_path / "big").write_bytes(bytes(30_000_000))
    with Machine("web-full", disk=image) as machine:
        machine.wait_for_network()
        assert upload(machine, "big", tmp_path / "big") == 507
        (tmp_path / "big").write_bytes(b"small")
        assert upload(machine, "small", tmp_path / "big") == 201
        assert curl(machine.url("/upload/small")) == (200, b"small")
