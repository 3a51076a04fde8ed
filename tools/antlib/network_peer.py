"""The other end of network benches, on the host: what a guest asks for by a line, `WHAT BYTES`, which is answered by one byte.

swallow: takes all. answer N: a byte for each N bytes. sink N: takes N bytes, then sends one. source N: waits for a byte, then sends N. stall: takes
zeros up to an E, then sends one byte.
It keeps how fast that went, by the host's clock: of all but `swallow`, in MB/s, us and ns, by the figure's name.
"""

import contextlib
import socket
import threading
import time

BLOCK = 1 << 18


class NetworkPeer:
    def __init__(self, address: str):
        self.listener = socket.create_server((address, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.samples: dict[str, list[float]] = {}
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.listener.close()

    def accept(self) -> None:
        while True:
            try:
                stream, _address = self.listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream: socket.socket) -> None:
        with stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                line = b""
                while not line.endswith(b"\n"):
                    line += take(stream, 1)
                what, count = line.split()
                stream.sendall(b"+")
                {b"swallow": self.swallow, b"answer": self.answer, b"sink": self.sink, b"source": self.source,
                 b"stall": self.stall}[what](stream, int(count))
            except OSError:
                pass  # the guest ended

    def add(self, figure: str, value: float) -> None:
        self.samples.setdefault(figure, []).append(round(value, 3))

    def swallow(self, stream: socket.socket, _count: int) -> None:
        while stream.recv(BLOCK):
            pass

    def answer(self, stream: socket.socket, count: int) -> None:
        """The guest asks again as soon as it has an answer."""
        answered = 0.0
        with contextlib.suppress(ConnectionError):
            while True:
                take(stream, count)
                if answered:
                    self.add(f"rtt.{count}.us", (time.perf_counter() - answered) * 1e6)
                answered = time.perf_counter()
                stream.sendall(b"a")

    def sink(self, stream: socket.socket, count: int) -> None:
        take(stream, 1)
        begin = time.perf_counter()
        take(stream, count - 1)
        self.add("throughput.send.mb_per_s", (count - 1) / 1e6 / (time.perf_counter() - begin))
        stream.sendall(b"!")
        stream.recv(1)

    def source(self, stream: socket.socket, count: int) -> None:
        data = bytes(BLOCK)
        take(stream, 1)
        begin = time.perf_counter()
        for start in range(0, count, BLOCK):
            stream.sendall(data[:count - start])
        stream.recv(1)  # until the guest, which has it all, closes
        self.add("throughput.recv.mb_per_s", count / 1e6 / (time.perf_counter() - begin))

    def stall(self, stream: socket.socket, _count: int) -> None:
        """The longest time without a byte."""
        longest, last, got = 0.0, time.perf_counter(), b""
        while not got.endswith(b"E"):
            got = stream.recv(BLOCK)
            if not got:
                raise ConnectionError("the guest closed")
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        self.add("nicswap.stall_ns", round(longest * 1e9))
        stream.sendall(b"!")
        stream.recv(1)


def take(stream: socket.socket, count: int) -> bytes:
    """The last of `count` bytes."""
    last = b""
    while count:
        last = stream.recv(min(count, BLOCK))
        if not last:
            raise ConnectionError("the guest closed")
        count -= len(last)
    return last
