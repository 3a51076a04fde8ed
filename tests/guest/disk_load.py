"""The test programs that call a disk driver, and disks that misbehave."""

import re
from pathlib import Path

from harness import Machine
from antlib import qemu


def empty_disk(path: Path, size: int = 64 << 20) -> Path:
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def counters(guest: Machine, slot: str = "disk") -> dict[str, int]:
    """Of the driver; also the last unit's numbers."""
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)\b", guest.run(f"run disk-check {slot} list"))}


def load(guest: Machine, seed: int, requests: int, further: str = "", unit: int = 0) -> dict[str, int]:
    """Requests, failures, errors and wrong sectors of a run of disk-load. `further`: how the driver fails, and how often."""
    output = guest.run(f"run disk-load {unit} {seed} {requests} 0 {further}", timeout=300)
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", output)}


def with_errors(path: Path, *rules: dict) -> str:
    """An entry of Options.disks whose image reports errors (QEMU's blkdebug)."""
    options = ["driver=raw", "file.driver=blkdebug", "file.image.driver=file", f"file.image.filename={qemu.escaped(path)}"]
    for number, rule in enumerate(rules):
        options += [f"file.inject-error.{number}.{name}={value}" for name, value in rule.items()]
    return ",".join(options)


def slow(path: Path) -> str:
    """An entry of Options.disks that belongs to the throttle group `slow`."""
    return f"driver=raw,file.driver=throttle,file.throttle-group=slow,file.file.driver=file,file.file.filename={qemu.escaped(path)}"
