"""The file server fails, hangs and is replaced while programs change files: everything happens once, and the host finds the
file system in order."""

import random
import re
import time

import pytest

from antlib.disk import tool
from disk_programs import program_and_format, run_with_kills, until_it_fails, wait_for_format
from harness import Machine, assert_healthy

FAILURES = ["kill file", "crash file null", "stop-after file {}", "replace file=file@2", "replace file", "crash file panic",
            "kill cache", "stop-after cache {}"]


@pytest.fixture(name="guest")
def running_guest(request):
    with Machine(request.node.name, disk=True) as machine:
        yield machine


def check_disk(machine: Machine) -> None:
    """All is written, and e2fsck agrees."""
    machine.run("run file-check sync")
    tool("e2fsck", "-fn", str(machine.disk))


def names(machine: Machine, folder: str) -> set[str]:
    # Other programs may print in between.
    return set(re.findall(r"^\d+ \d+ (\S+)$", machine.run(f"run file-check list {folder}"), re.MULTILINE)) - {".", ".."}


def test_files(guest):
    for size, step in ((1, 1), (4096, 4096), (100_000, 777), (3_000_000, 1 << 20), (500_000, 65536)):
        guest.run(f"run file-check write /tmp/f {size} {size} {step}")
        guest.run(f"run file-check verify /tmp/f {size} {size} {step + 100}")
    guest.run("run file-check areas /tmp/f")
    guest.run("run file-check make /tmp/d")
    guest.run("run file-check journal /tmp/d 20")
    assert names(guest, "/tmp/d") == {str(i) for i in range(20)}
    guest.run("run file-check remove /tmp/d/7")
    assert guest.command("run file-check remove /tmp/d/7")[1] != 0
    assert guest.command("run file-check rmdir /tmp/d")[1] != 0
    check_disk(guest)
    assert "Size: 3000" in tool("debugfs", "-R", "stat /tmp/d/3", str(guest.disk)).stdout


@pytest.mark.parametrize("step", [4096, 1 << 20])
def test_answers_that_come_back_through_each_server(guest, step):
    """Sequential return, of reads that the cache answers and of those that the driver does."""
    guest.run("run file-check write /tmp/f 3 30000000 1000000")
    guest.run("run file-check sequential /tmp/f 3 30000000 1000000")
    guest.run("replace cache")
    assert run_with_kills(guest, "reader", f"file-check sequential /tmp/f 3 30000000 {step}", ("file", "cache", "disk")) > 0
    assert "verified=30000000" in guest.console.transcript.split("start file-check", 1)[1]
    assert_healthy(guest)


def test_stopped_anywhere(guest):
    """After so many instructions of a call: create, append, rename, and the commit to the journal."""
    guest.run("run file-check make /tmp/d")
    choose = random.Random(5)
    counts = [*range(1, 2000, 211), *(choose.randrange(2000, 60000) for _ in range(40))]
    for number, instructions in enumerate(counts):
        guest.run(f"run file-check make /tmp/d/{number}")
        guest.run(f"stop-after file {instructions}")
        guest.run(f"run file-check journal /tmp/d/{number} 2")
        assert names(guest, f"/tmp/d/{number}") == {"0", "1"}, f"stopped after {instructions} instructions"
        for name in (0, 1):
            guest.run(f"run file-check verify /tmp/d/{number}/{name} {name} 3000 512")
        if number % 10 == 9:
            guest.run(f"stop-after file {instructions * 4}")
            check_disk(guest)
    check_disk(guest)
    failures = next(row["failures"] for row in guest.json("servers") if row["name"] == "file")
    assert failures > len(counts) // 2
    assert_healthy(guest)


def test_another_format_and_back(guest):
    """file@2 keeps its handles in a layout of its own. A lock and an open file come through the change, a crash before it and
    after it, and the change back."""
    guest.run("start cfiles holder lock /home/lock 3600000")
    until_it_fails(guest, "run cfiles lock /home/lock 0")

    def still_held() -> None:
        assert "Resource temporarily unavailable" in guest.command("run cfiles lock /home/lock 0")[0]

    guest.run("replace file=file@2")
    assert program_and_format(guest, "file") == ("file@2", 1)
    guest.run("crash file null")  # on probation
    still_held()
    assert program_and_format(guest, "file") == ("file", 1)
    guest.run("replace file=file@2")
    wait_for_format(guest, "file", 2)  # the probation is over
    still_held()
    guest.run("crash file null")
    still_held()
    assert program_and_format(guest, "file") == ("file@2", 2)
    guest.run("replace file=file")
    assert program_and_format(guest, "file") == ("file", 2)
    wait_for_format(guest, "file", 1)
    still_held()
    guest.run("kill holder")
    assert "cfiles: locked" in guest.run("run cfiles lock /home/lock 0")
    check_disk(guest)
    assert_healthy(guest)


def test_failures_under_load(guest):
    guest.run("run file-check make /tmp/d")
    guest.run("start file-check")
    choose = random.Random(7)
    deadline = time.monotonic() + 100
    while len(names(guest, "/tmp/d")) < 300 or "new" in names(guest, "/tmp/d"):
        assert time.monotonic() < deadline, guest.console.tail(30)
        guest.command(choose.choice(FAILURES).format(choose.randrange(1, 30000)))
        time.sleep(choose.random() * 0.2)
    for name in (0, 17, 299):
        guest.run(f"run file-check verify /tmp/d/{name} {name} 3000 4096")
    check_disk(guest)
    assert_healthy(guest)


def test_power_cut(guest):
    """What was synced before QEMU was killed is there."""
    guest.run("run file-check write /tmp/kept 3 200000 10000")
    guest.run("run file-check make /tmp/d")
    guest.run("start file-check")
    time.sleep(1)
    guest.process.kill()
    guest.process.wait()
    tool("e2fsck", "-p", str(guest.disk), codes=(0, 1))
    tool("e2fsck", "-fn", str(guest.disk))
    with Machine("power-cut-again", disk=guest.disk) as again:
        again.run("run file-check verify /tmp/kept 3 200000 10000")


def test_no_disk():
    with Machine("no-disk") as machine:
        output, status = machine.command("run file-check list /")
        assert status != 0 and "not found" in output


def test_power_cut_replayed_by_us(guest):
    guest.run("run file-check write /tmp/kept 3 200000 10000")
    guest.run("run file-check make /tmp/d")
    guest.run("start file-check")
    time.sleep(1)
    guest.process.kill()
    guest.process.wait()
    with Machine("replay-again", disk=guest.disk) as again:
        again.run("run file-check verify /tmp/kept 3 200000 10000")
        check_disk(again)
