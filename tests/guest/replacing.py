"""Replacements of the driver, alone and during transfers."""

import itertools
import random
import re

from harness import assert_healthy, assert_nothing_leaked, settled_free_pages
from transfers import check_upload, download, guest_sum, upload

MEBI = 1 << 20
REPLACED = re.compile(r"^replaced=(?P<name>\S+) old_pid=(?P<old_pid>\d+) new_pid=(?P<new_pid>\d+) old_version=(?P<old_version>\d+) "
                      r"new_version=(?P<new_version>\d+) total_ns=(?P<total_ns>\d+) blackout_ns=(?P<blackout_ns>\d+) "
                      r"areas=(?P<areas>\d+) calls=(?P<calls>\d+)", re.MULTILINE)


def replace(guest, what: str) -> list[dict]:
    rows = [match.groupdict() for match in REPLACED.finditer(guest.run(f"replace {what}"))]
    assert rows, f"`replace {what}` reported nothing"
    return rows


VERSIONS = itertools.cycle(["rtl8139", "rtl8139=rtl8139@2", "rtl8139=rtl8139", "rtl8139 --as-paper"])


def transfer_with_replacements(guest, direction: str, seed: int, most: int) -> int:
    """One connection; whatever happens in it, its bytes are right. -> replacements while it was open"""
    body = random.Random(seed).randbytes(16 * MEBI) if direction == "upload" else b""
    transfer = upload(guest, body) if body else download(guest, 16 * MEBI, seed)
    during = 0
    while transfer.is_alive() and during < most:
        replace(guest, next(VERSIONS))
        if transfer.is_alive():
            during += 1
    if body:
        check_upload(transfer, body)
    else:
        assert transfer.finish() == guest_sum(guest, 16 * MEBI, seed)
    assert during > 0, "the transfer was over before a replacement was"
    return during


def a_hundred_replacements(guest, direction: str) -> None:
    """In as many transfers as it takes; afterwards no memory is missing."""
    transfer_with_replacements(guest, direction, 1, 10)
    before = settled_free_pages(guest)
    done = 0
    for seed in itertools.count(2):
        done += transfer_with_replacements(guest, direction, seed, 100 - done)
        if done == 100:
            break
    assert_healthy(guest)
    assert_nothing_leaked(guest, before)
