"""Transfers between the host's ordinary clients and the guest, with their hashes checked."""

import hashlib
import re
import struct
import subprocess
import threading

MASK = (1 << 64) - 1


def stream(size: int, seed: int) -> bytes:
    """The reproducible stream of the web server: SplitMix64, little-endian words."""
    words = bytearray()
    state = seed
    for _ in range((size + 7) // 8):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & MASK
        words += struct.pack("<Q", mixed ^ mixed >> 31)
    return bytes(words[:size])


class Curl(threading.Thread):
    """curl in the background; `data_hash` and `size` are of the answer's body."""

    def __init__(self, *arguments: str, body: bytes | None = None):
        super().__init__(daemon=True)
        self.arguments = ["curl", "-sS", "--fail-with-body", "-m", "900", *arguments]
        self.body = body
        self.hash = hashlib.sha256()
        self.size = 0
        self.answer = b""
        self.status = None
        self.error = ""
        self.start()

    def run(self):
        process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE if self.body is not None else subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.body is not None:
            threading.Thread(target=self.feed, args=(process,), daemon=True).start()
        while data := process.stdout.read1(65536):
            self.hash.update(data)
            self.size += len(data)
            self.answer = (self.answer + data)[-4096:]
        self.error = process.stderr.read().decode("utf-8", "replace")
        self.status = process.wait()

    def feed(self, process):
        try:
            process.stdin.write(self.body)
            process.stdin.close()
        except BrokenPipeError:
            pass

    def finish(self, timeout: float = 900) -> str:
        """SHA-256 of the body, once it is complete."""
        self.join(timeout)
        assert not self.is_alive(), f"{self.arguments}: not done after {timeout} s, {self.size} bytes"
        assert self.status == 0, f"{self.arguments}: status {self.status}: {self.error} {self.answer[-300:]!r}"
        return self.hash.hexdigest()


def download(machine, size: int, seed: int) -> Curl:
    return Curl(machine.url(f"/random?bytes={size}&seed={seed}"))


def upload(machine, body: bytes) -> Curl:
    # Expect: is switched off, as curl would otherwise wait a second for the answer to it.
    return Curl("-H", "Expect:", "-T", "-", machine.url("/sink"), body=body)


def check_upload(transfer: Curl, body: bytes) -> None:
    transfer.finish()
    text = transfer.answer.decode()
    assert hashlib.sha256(body).hexdigest() in text, text
    assert re.search(rf"\b{len(body)}\b", text), text


def guest_sum(machine, size: int, seed: int) -> str:
    return re.search(r"\b[0-9a-f]{64}\b", machine.run(f"sum {size} {seed}"))[0]
