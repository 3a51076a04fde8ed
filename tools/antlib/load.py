"""Load on a guest's web server from the host, checked byte by byte: downloads and uploads without a pause."""

import hashlib
import http.client
import threading
import time

BLOCK = 256 * 1024


class Load:
    """Two threads, one for each direction. A transfer that ends early or differs is counted, and where it began to."""

    def __init__(self, port: int, block: int = BLOCK):
        self.port = port
        self.block = block
        self.lock = threading.Lock()
        self.running = threading.Event()
        self.ended = False
        self.transfers = 0
        self.bytes = 0
        self.failures: list[str] = []
        self.idle = [True, True]
        self.reference: dict[int, str] = {}
        self.upload = hashlib.shake_256(b"ant").digest(block)
        self.threads = [threading.Thread(target=self.loop, args=(number, transfer), daemon=True)
                        for number, transfer in enumerate((self.get, self.put))]

    def prepare(self) -> None:
        """Learns what the streams are while nothing is wrong: twice, so that a damaged one is not taken for it."""
        for seed in range(4):
            first, second = self.fetch(seed), self.fetch(seed)
            if first != second:
                raise ValueError(f"two downloads of stream {seed} differ before any fault")
            self.reference[seed] = first
        for thread in self.threads:
            thread.start()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def fetch(self, seed: int) -> str:
        connection = self.connection()
        try:
            connection.request("GET", f"/random?bytes={self.block}&seed={seed}")
            body = connection.getresponse().read()
        finally:
            connection.close()
        if len(body) != self.block:
            raise http.client.IncompleteRead(body, self.block - len(body))
        return hashlib.sha256(body).hexdigest()

    def get(self, number: int) -> str | None:
        seed = number % len(self.reference)
        return None if self.fetch(seed) == self.reference[seed] else f"stream {seed} arrived damaged"

    def put(self, _number: int) -> str | None:
        connection = self.connection()
        try:
            connection.request("PUT", "/sink", body=self.upload)
            answer = connection.getresponse().read().decode(errors="replace")
        finally:
            connection.close()
        return None if hashlib.sha256(self.upload).hexdigest() in answer else f"an upload arrived damaged: {answer[:100]!r}"

    def loop(self, direction: int, transfer) -> None:
        number = 0
        while not self.ended:
            if not self.running.wait(0.2):
                continue
            self.idle[direction] = False
            try:
                failure = transfer(number)
            except (OSError, http.client.HTTPException) as error:
                failure = f"{transfer.__name__}: {type(error).__name__}: {error}"
                time.sleep(0.05)
            with self.lock:
                number += 1
                if failure is None:
                    self.transfers += 1
                    self.bytes += self.block
                else:
                    self.failures.append(failure)
            self.idle[direction] = True

    def take_failures(self) -> list[str]:
        with self.lock:
            failures, self.failures = self.failures, []
        return failures

    def pause(self, patience: float = 90) -> bool:
        """Lets what is under way end. -> whether it did"""
        self.running.clear()
        deadline = time.monotonic() + patience
        while not all(self.idle) and time.monotonic() < deadline:
            time.sleep(0.02)
        return all(self.idle)

    def progresses(self, patience: float) -> bool:
        """Both directions complete transfers."""
        before, deadline = self.transfers, time.monotonic() + patience
        while self.transfers < before + 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.transfers >= before + 2

    def end(self) -> None:
        self.ended = True
