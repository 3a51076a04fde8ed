"""Datagrams to a guest at set rates: the load under which it must not collapse."""

import socket
import time


def send_datagrams(to: tuple[str, int], step: int, rate: float, seconds: float, size: int = 64) -> int:
    """At that rate, in bursts of a millisecond. -> how many"""
    data = bytes([step]) + bytes(size - 1)
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(to)
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < seconds:
            due = int(passed * rate)
            while sent < due:
                try:
                    out.send(data)
                except OSError:
                    pass
                sent += 1
            time.sleep(0.0005)
    return sent
