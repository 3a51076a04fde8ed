"""Drivers that fail under load: no connection is lost, no byte is wrong, no text is missing."""

import itertools
import random
import time

import pytest

from antlib.faults import disassemble
from antlib.paths import BUILD
from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages
from transfers import check_upload, download, guest_sum, upload

MEBI = 1 << 20
SIZE = 24 * MEBI
FAILURES = ["crash rtl8139 null", "kill rtl8139", "crash rtl8139 panic", "stop-after rtl8139 {}", "crash rtl8139 double_free",
            "crash rtl8139 overrun", "hang rtl8139", "replace rtl8139=rtl8139@2"]


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("driver-failures") as machine:
        machine.wait_for_network()
        yield machine


def transfer_with_failures(guest, direction: str, seed: int) -> int:
    body = random.Random(seed).randbytes(SIZE) if direction == "upload" else b""
    transfer = upload(guest, body) if body else download(guest, SIZE, seed)
    choose = random.Random(seed)
    failures = 0
    for command in itertools.cycle(FAILURES):
        if not transfer.is_alive():
            break
        guest.command(command.format(choose.randrange(1, 4000)))
        failures += 1
        time.sleep(0.05)
    if body:
        check_upload(transfer, body)
    else:
        assert transfer.finish() == guest_sum(guest, SIZE, seed)
    return failures


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_a_transfer_goes_on_while_the_driver_fails(guest, direction):
    """One connection, whatever happens in it."""
    transfer_with_failures(guest, direction, 1)  # tables grow once
    before = settled_free_pages(guest)
    assert sum(transfer_with_failures(guest, direction, seed) for seed in (2, 3)) > 2
    assert_healthy(guest)
    assert_nothing_leaked(guest, before)


def test_the_shell_works_while_driver_and_inet_keep_each_other_busy(guest):
    """The driver answers each request to send with nonsense, and inet asks again: both without end, both more important
    than the shell. It shows life, so no watch finds it; who sits at the console does."""
    transfer = download(guest, SIZE, 4)
    first = next(i for i in disassemble(BUILD / "programs/rtl8139") if i.first and i.function.endswith("on_transmitEN3ant4CallE"))
    guest.run(f"poke rtl8139 {first.address:#x} b8d1961d38c3")  # mov $0x381d96d1, %eax; ret
    for _ in range(3):
        assert "rtl8139" in guest.run("ps")
    guest.run("kill rtl8139")
    transfer.finish()  # what went through the wrong code is its own
    guest.wait_for_network()
    assert download(guest, MEBI, 5).finish() == guest_sum(guest, MEBI, 5)


def test_the_console_is_stopped_anywhere(guest):
    """What it prints is complete all the same. Only a stop right between the sending of a byte and its note doubles it."""
    expected = guest.run("help")
    before = next(row["failures"] for row in guest.json("servers") if row["name"] == "console")
    for instructions in range(1, 900, 37):
        guest.run(f"stop-after console {instructions}")
        assert guest.run("help") == expected
    after = next(row["failures"] for row in guest.json("servers") if row["name"] == "console")
    assert after - before >= 20
    assert_healthy(guest)
