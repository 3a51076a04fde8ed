"""What is being done, how far it is, how long it will take: one changing line on a terminal, plain
lines elsewhere. Everything goes to stderr, so that stdout stays the command's own."""

import shutil
import sys
import time


PLAIN_INTERVAL = 30  # seconds between lines where there is no terminal


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Failure(Exception):
    """Ends the command with a message for the user."""

    def __init__(self, message: str, status: int = 1):
        super().__init__(message)
        self.status = status


def duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60:02} s"


class Progress:
    """A task of known or unknown length. Use as a context manager. A `silent` one shows nothing
    until its first update: it may turn out that there is nothing to do."""

    def __init__(self, title: str, silent: bool = False):
        self.title = title
        self.announced = False
        self.silent = silent
        self.started = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.drawn = 0.0
        self.open_line = False

    def __enter__(self):
        if not self.silent:
            self.update(0, "")
        return self

    def __exit__(self, kind, value, trace):
        self.clear()
        if self.terminal and self.announced and kind is None:
            say(f"{self.title}: done in {duration(time.monotonic() - self.started)}")

    def update(self, fraction: float, detail: str) -> None:
        """`fraction` done, 0 if unknown."""
        now = time.monotonic()
        if not self.announced:
            self.announced = True
            self.drawn = now
            if not self.terminal:
                say(self.title)
                return
        elif now - self.drawn < (0.1 if self.terminal else PLAIN_INTERVAL):
            return
        self.drawn = now
        line = self.title + self.how_far(fraction, now)
        if not self.terminal:
            say(line)
            return
        if detail:
            line += f"  {detail}"
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)
        self.open_line = True

    def how_far(self, fraction: float, now: float) -> str:
        if fraction <= 0:
            return ""
        spent = now - self.started
        left = f", {duration(spent / fraction - spent)} left" if spent > 2 and fraction > 0.02 else ""
        return f"  {fraction:4.0%}{left}"

    def clear(self) -> None:
        if self.open_line:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.open_line = False
