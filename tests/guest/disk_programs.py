"""Programs in the background on files, while the servers under them are killed."""

import json
import time

from harness import Machine

TIMEOUT = 240


def alive(guest: Machine, slot: str) -> bool:
    return any(row["name"] == slot for row in json_listing(guest, "ps"))


def json_listing(guest: Machine, command: str) -> list[dict]:
    """As Machine.json, between lines that a program in the background prints."""
    lines = guest.run(f"{command} --json").splitlines()
    return json.loads(next(line for line in lines if line.startswith("[")))


def until_it_fails(guest: Machine, command: str) -> str:
    """Repeats `command` until a program in the background is in its way. -> output"""
    deadline = time.monotonic() + TIMEOUT
    while True:
        output, status = guest.command(command)
        if status != 0:
            return output
        assert time.monotonic() < deadline, f"`{command}` always succeeds"


def program_and_format(guest: Machine, server: str) -> tuple[str, int]:
    row = next(row for row in json_listing(guest, "servers") if row["name"] == server)
    return row["program"], row["state_format"]


def wait_for_format(guest: Machine, server: str, wanted: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    while program_and_format(guest, server)[1] != wanted:
        assert time.monotonic() < deadline, program_and_format(guest, server)
        time.sleep(0.1)


def wait_for_end(guest: Machine, slot: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while alive(guest, slot):
        assert time.monotonic() < deadline, f"{slot} does not end; console:\n{guest.console.tail()}"
        time.sleep(0.2)


def run_with_kills(guest: Machine, slot: str, command: str, servers: tuple[str, ...], most: int = 30) -> int:
    """Starts `command` in the background under that name; kills the servers in turn until it ends. -> kills"""
    program, *rest = command.split(" ", 1)
    guest.run(f"start {program} {slot} {' '.join(rest)}")
    kills = 0
    while kills < most and alive(guest, slot):
        guest.run(f"kill {servers[kills % len(servers)]}")
        kills += 1
        time.sleep(0.3)  # so that failures are not taken for one that cannot be repaired
    wait_for_end(guest, slot)
    return kills
