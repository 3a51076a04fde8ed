"""Drives the guest's console over a socket: waits for the prompt, types a line, reads the answer."""

import codecs
import re
import select
import socket
import time
from pathlib import Path
from typing import Callable

PROMPT = "ant> "
ESCAPES = re.compile(r"\x1b\[[0-9;=?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")
UNFINISHED_ESCAPE = re.compile(r"\x1b(?:\[[0-9;=?]*|[()])?$")


class ConsoleClosed(Exception):
    """The virtual machine is gone."""


class ConsoleTimeout(Exception):
    """What was waited for did not come."""


class CorePanic(Exception):
    """The inner core stopped."""


class GuestConsole:
    def __init__(self, serial: socket.socket, log: Path | None = None, echo: Callable[[str], None] | None = None):
        self.socket = serial
        self.log = open(log, "ab", buffering=0) if log else None
        self.echo = echo
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.unfinished = ""
        self.pending = ""
        self.transcript = ""

    def close(self) -> None:
        self.socket.close()
        if self.log:
            self.log.close()
            self.log = None

    def read_more(self, timeout: float) -> None:
        readable, _, _ = select.select([self.socket], [], [], max(0.0, timeout))
        if not readable:
            raise ConsoleTimeout
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise ConsoleClosed(self.tail())
        if self.log:
            self.log.write(data)
        text = self.plain(self.decoder.decode(data))
        self.pending += text
        self.transcript += text
        if self.echo:
            self.echo(text)

    def plain(self, text: str) -> str:
        """Without escape sequences, which may be cut in two by the socket."""
        text = self.unfinished + text
        cut = UNFINISHED_ESCAPE.search(text)
        self.unfinished = cut[0] if cut else ""
        return ESCAPES.sub("", text[:cut.start()] if cut else text)

    def tail(self, lines: int = 25) -> str:
        return "\n".join(self.transcript.splitlines()[-lines:])

    def expect(self, pattern: str, timeout: float = 120, check_panic: bool = True) -> re.Match:
        """Waits for a regular expression; what follows the match stays for the next call."""
        compiled = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        while True:
            match = compiled.search(self.pending)
            if match:
                self.pending = self.pending[match.end():]
                return match
            if check_panic and re.search(r"panic of the inner core:.*\n", self.pending):
                self.drain(1.0)
                raise CorePanic(self.tail())
            try:
                self.read_more(deadline - time.monotonic())
            except ConsoleTimeout:
                raise ConsoleTimeout(f"no {pattern!r} within {timeout:g} s; the last lines:\n{self.tail()}") from None

    def drain(self, seconds: float) -> None:
        """Reads what still comes."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self.read_more(deadline - time.monotonic())
        except (ConsoleTimeout, ConsoleClosed):
            pass

    def until_prompt(self, timeout: float = 120) -> str:
        """Waits for the prompt; returns what was printed before it."""
        start = len(self.transcript) - len(self.pending)
        self.expect(r"(?:^|\n)" + re.escape(PROMPT), timeout)
        end = len(self.transcript) - len(self.pending) - len(PROMPT)
        return self.transcript[start:end]

    def send(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def output_of(self, line: str, timeout: float = 120) -> str:
        """Types a command at the prompt; returns what it printed."""
        self.send(line + "\n")
        text = self.until_prompt(timeout)
        # Lines of the core's log may come before the echo.
        _, echo, output = text.partition(line.strip() + "\n")
        return output if echo else text

    def command(self, line: str, timeout: float = 120) -> tuple[str, int]:
        """Output and exit status of a command."""
        output = self.output_of(line, timeout)
        return output, self.status(timeout)

    def status(self, timeout: float = 120) -> int:
        text = self.output_of("status", timeout)
        match = re.search(r"^-?\d+$", text, re.MULTILINE)  # notices, with numbers in them, may come before it
        if not match:
            raise ConsoleTimeout(f"`status` printed no number but {text!r}")
        return int(match[0])
