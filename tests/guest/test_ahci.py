"""SATA disks: what only this controller has. What all disk drivers do is in test_disk.py."""

import re

import pytest

from disk_load import counters, empty_disk, load, slow, with_errors
from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages
from antlib import qemu

BAD = 3001


@pytest.fixture(name="image")
def image_file(tmp_path):
    return empty_disk(tmp_path / "disk.img")


def test_several_drives_beside_a_cd(tmp_path):
    """Each is a unit of its own, numbered by its port; the CD on port 1 is none."""
    paths = [empty_disk(tmp_path / f"disk{number}", (64 + number) << 20) for number in range(4)]
    with Machine("ahci-drives", machine="q35", disks=[qemu.raw_disk(path) for path in paths]) as guest:
        units = re.findall(r"unit=(\d) port=(\d) sectors=(\d+) .*serial=(\S+)", guest.run("run disk-check list"))
        expected = [(str(n), port, str((64 + n) << 11), f"ant{n}") for n, port in enumerate("0234")]
        assert units == expected
        for number in range(4):
            guest.run(f"run disk-check write {number} {number + 1} 0 4096")
        guest.run("kill disk")
        for number in range(4):
            guest.run(f"run disk-check verify {number} {number + 1} 0 4096 1048576")
        assert re.findall(r"unit=(\d) port=(\d)", guest.run("run disk-check list")) == [unit[:2] for unit in expected]
        assert_healthy(guest)


def test_a_machine_without_disks():
    with Machine("ahci-none", machine="q35") as guest:
        assert "unit=" not in guest.run("run disk-check list")
        assert guest.command("run disk-check verify 0 1 0 8")[1] != 0
        assert_healthy(guest)


def test_errors_reach_who_asked_and_nobody_else(image):
    """A queued command fails: the drive tells by no log which one, so all that were under way are done one by one."""
    errors = [{"event": "read_aio", "sector": BAD, "errno": 5}, {"event": "write_aio", "sector": BAD, "errno": 5}]
    with Machine("ahci-errors", machine="q35", disks=[with_errors(image, *errors)]) as guest:
        guest.run(f"run disk-check write 0 1 0 {BAD // 8 * 8}")
        assert guest.command(f"run disk-check verify 0 1 {BAD} 1")[1] != 0
        guest.run(f"run disk-check verify 0 1 0 {BAD // 8 * 8} 4096")
        before = counters(guest)
        assert before["errors"] == 1 and before["retries"] > 0 and before["resets"] > 0
        ended = load(guest, 1, 2000)
        assert ended["wrong"] == 0 and 0 < ended["errors"] < 200
        assert counters(guest)["errors"] == before["errors"] + ended["errors"]
        assert_healthy(guest)


def test_an_error_that_goes_away_is_not_seen(image):
    once = [{"event": event, "errno": 5, "once": "on", "sector": sector} for sector in range(0, 8192, 1024)
            for event in ("read_aio", "write_aio")]
    with Machine("ahci-once", machine="q35", disks=[with_errors(image, *once)]) as guest:
        ended = load(guest, 2, 2000)
        assert ended["wrong"] == 0 and ended["errors"] == 0
        assert counters(guest)["resets"] > 0
        assert_healthy(guest)


def test_failures_while_the_chip_works(image):
    """On a slow disk there is always something under way in the chip, and goes on for some time after the death."""
    throttle = ["-object", "throttle-group,id=slow,x-iops-total=500"]
    with Machine("ahci-slow", machine="q35", disks=[slow(image)], extra=throttle) as guest:
        guest.wait_for_network()
        guest.run("kill disk")
        before = settled_free_pages(guest)
        for how in ("kill", "replace", "mixed"):
            resets = counters(guest)["resets"]
            ended = load(guest, 3, 600, f"{how} 40")
            assert how != "replace" or counters(guest)["resets"] == resets  # what is under way is handed over
            assert ended["failures"] == 15 and ended["wrong"] == 0 and ended["errors"] == 0
        assert_nothing_leaked(guest, before)
        assert_healthy(guest)


def test_a_disk_of_its_own_adapter(image):
    """A second adapter has a driver of its own."""
    second = ["-device", "ich9-ahci,id=more", "-drive", f"if=none,id=extra,{qemu.raw_disk(image)}",
              "-device", "ide-hd,bus=more.3,drive=extra,serial=second"]
    with Machine("ahci-two", machine="q35", extra=second) as guest:
        assert {row["name"] for row in guest.json("servers")} >= {"disk", "disk.1"}
        listings = [guest.run(f"run disk-check {slot} list") for slot in ("disk", "disk.1")]
        slot = ("disk", "disk.1")["unit=0 port=3" in listings[1]]
        assert "serial=second" in guest.run(f"run disk-check {slot} list")
        guest.run(f"run disk-check {slot} write 0 9 100 4096")
        guest.run(f"replace {slot}")
        guest.run(f"run disk-check {slot} verify 0 9 100 4096")
        assert_healthy(guest)
