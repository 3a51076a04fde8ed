"""IDE disks: what only this controller has. What all disk drivers do is in test_disk.py."""

import re

import pytest

from disk_load import counters, empty_disk, load, slow, with_errors
from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages
from antlib import qemu

BAD = 3001


@pytest.fixture(name="image")
def image_file(tmp_path):
    return empty_disk(tmp_path / "disk.img")


def test_two_drives_on_a_cable_and_one_beside_the_cd(tmp_path):
    """They take turns; the CD is left alone, and still there afterwards."""
    paths = [empty_disk(tmp_path / f"disk{number}", (64 + number) << 20) for number in range(3)]
    with Machine("ata-drives", disks=[qemu.raw_disk(path) for path in paths]) as guest:
        units = re.findall(r"unit=(\d) port=(\d) sectors=(\d+) .*serial=(\S+)", guest.run("run disk-check list"))
        assert units == [(str(n), port, str((64 + n) << 11), f"ant{n}") for n, port in enumerate("013")]
        for number in range(3):
            guest.run(f"run disk-check write {number} {number + 1} 20000 4096")
        for number in range(3):
            assert load(guest, number, 400, "mixed 40", number)["wrong"] == 0
            guest.run(f"run disk-check verify {number} {number + 1} 20000 4096 1048576")
        assert_healthy(guest)


def test_errors_reach_who_asked_and_nobody_else(image):
    errors = [{"event": "read_aio", "sector": BAD, "errno": 5}, {"event": "write_aio", "sector": BAD, "errno": 5}]
    with Machine("ata-errors", disks=[with_errors(image, *errors)]) as guest:
        guest.run(f"run disk-check write 0 1 0 {BAD // 8 * 8}")
        assert guest.command(f"run disk-check verify 0 1 {BAD} 1")[1] != 0
        guest.run(f"run disk-check verify 0 1 0 {BAD // 8 * 8} 4096")
        before = counters(guest)
        assert before["errors"] == 1 and before["retries"] > 0
        ended = load(guest, 1, 2000)
        assert ended["wrong"] == 0 and 0 < ended["errors"] < 200
        assert counters(guest)["errors"] == before["errors"] + ended["errors"]
        assert_healthy(guest)


def test_an_error_that_goes_away_is_not_seen(image):
    once = [{"event": event, "errno": 5, "once": "on", "sector": sector} for sector in range(0, 8192, 1024)
            for event in ("read_aio", "write_aio")]
    with Machine("ata-once", disks=[with_errors(image, *once)]) as guest:
        ended = load(guest, 2, 2000)
        assert ended["wrong"] == 0 and ended["errors"] == 0
        assert counters(guest)["retries"] > 0
        assert_healthy(guest)


def test_a_flush_that_fails_is_told(image):
    with Machine("ata-flush", disks=[with_errors(image, {"event": "flush_to_disk", "iotype": "flush", "errno": 5})]) as guest:
        output, status = guest.command("run disk-check write 0 1 0 8")
        assert status != 0 and "flush" in output
        guest.run("run disk-check verify 0 1 0 8")


def test_failures_while_the_chip_works(image):
    """On a slow disk there is always something under way in the chip when the driver dies."""
    with Machine("ata-slow", disks=[slow(image)], extra=["-object", "throttle-group,id=slow,x-iops-total=500"]) as guest:
        guest.wait_for_network()
        guest.run("kill disk")
        before = settled_free_pages(guest)
        for how in ("kill", "replace", "mixed"):
            ended = load(guest, 3, 500, f"{how} 40")
            assert ended["failures"] >= 10 and ended["wrong"] == 0 and ended["errors"] == 0
        assert_nothing_leaked(guest, before)
        assert_healthy(guest)


def test_a_machine_without_disks():
    with Machine("ata-none") as guest:
        assert "unit=" not in guest.run("run disk-check list")
        assert guest.command("run disk-check verify 0 1 0 8")[1] != 0
        guest.run("replace disk")
        assert_healthy(guest)
