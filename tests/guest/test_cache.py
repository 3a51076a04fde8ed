"""The buffer cache: what is written is there, and on the disk after a flush, whatever fails meanwhile."""

import random
import re
import time

import pytest

from antlib import qemu
from disk_load import empty_disk, slow, with_errors
from disk_programs import json_listing, program_and_format, wait_for_end, wait_for_format
from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages

BAD = 3001
FAILURES = ["kill cache", "crash cache null", "hang cache", "replace cache", "stop-after cache {}", "kill disk", "replace disk",
            "replace cache disk", "stop-after disk {}"]


@pytest.fixture(name="image")
def image_file(tmp_path):
    return empty_disk(tmp_path / "disk.img")


def counters(guest: Machine) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)\b", guest.run("run cache-check list"))}


def test_all_drives_of_all_drivers_are_found(image, tmp_path):
    other = empty_disk(tmp_path / "other.img", 80 << 20)
    with Machine("cache-disks", disks=[qemu.raw_disk(image), qemu.raw_disk(other)]) as guest:
        text = guest.run("run cache-check list")
        assert re.findall(r"disk=(\d) driver=disk unit=(\d) bytes=(\d+)", text) == [("0", "0", str(64 << 20)), ("1", "1", str(80 << 20))]
        for disk in range(2):
            assert "wrong=0" in guest.run(f"run cache-check load {disk} {disk + 1} 300", timeout=300)
        assert_healthy(guest)


def test_no_disk():
    with Machine("cache-no-disk") as guest:
        assert counters(guest)["blocks"] == 0
        assert guest.command("run cache-check load 0")[1] != 0
        guest.run("kill cache")
        assert counters(guest)["dirty"] == 0
        assert_healthy(guest)


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_failures_under_load(image, machine):
    """Two clients, and every failure of cache and driver that there is."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    choose = random.Random(seed)
    with Machine("cache-failures", machine=machine, disks=[qemu.raw_disk(image)]) as guest:
        guest.run("run cache-check load 0 1 100", timeout=300)
        before = settled_free_pages(guest)
        guest.run(f"start cache-check other load 0 {seed} 600 {16 << 20}")
        failures = 0
        while failures < 15 or any(row["name"] == "other" for row in json_listing(guest, "ps")):
            guest.command(choose.choice(FAILURES).format(choose.randrange(1, 30000)))
            failures += 1
            time.sleep(0.3)  # so that failures are not taken for one that cannot be repaired
            if failures % 10 == 0:
                assert "wrong=0" in guest.run(f"run cache-check load 0 {failures} 30", timeout=300)
            if failures > 60:
                break
        wait_for_end(guest, "other")
        assert "calls=600 wrong=0" in guest.console.tail(400)
        assert "damaged" not in guest.run("log")
        guest.run("kill cache")
        assert_nothing_leaked(guest, before)
        assert_healthy(guest)


def test_stopped_anywhere(image):
    """The cache ends after so many instructions of a load, on a slow disk: there is always something under way."""
    choose = random.Random(3)
    with Machine("cache-stopped", disks=[slow(image)], extra=["-object", "throttle-group,id=slow,x-iops-total=400"]) as guest:
        guest.run("start cache-check other load 0 5 200")
        for count in [*range(1, 2000, 97), *(choose.randrange(2000, 60000) for _ in range(20))]:
            guest.command(f"stop-after cache {count}")
            time.sleep(0.1)
        wait_for_end(guest, "other")
        assert "calls=200 wrong=0" in guest.console.tail(400)
        assert_healthy(guest)


def test_another_format_and_back(image):
    """cache@2 keeps dirty blocks in records of its own layout. They come through the change, a crash before it and after it, and the
    change back, under load all the time."""
    with Machine("cache-formats", disks=[qemu.raw_disk(image)]) as guest:
        guest.run(f"start cache-check other load 0 3 1000000 {16 << 20}")
        guest.run("replace cache=cache@2")
        assert program_and_format(guest, "cache") == ("cache@2", 1)
        guest.run("crash cache null")  # on probation
        guest.run("run cache-check load 0 1 30", timeout=300)
        assert program_and_format(guest, "cache") == ("cache", 1)
        guest.run("replace cache=cache@2")
        wait_for_format(guest, "cache", 2)  # the probation is over
        guest.run("crash cache null")
        guest.run("run cache-check load 0 2 30", timeout=300)
        assert program_and_format(guest, "cache") == ("cache@2", 2)
        assert guest.command("replace cache=bad-state")[1] != 0
        guest.run("replace cache=cache")
        wait_for_format(guest, "cache", 1)
        assert "wrong=0" in guest.run("run cache-check load 0 4 30", timeout=300)
        assert any(row["name"] == "other" for row in json_listing(guest, "ps"))  # it ends with the first wrong byte
        guest.run("kill other")
        assert_healthy(guest)


def test_a_planned_replacement_keeps_what_was_read(image):
    with Machine("cache-kept", disks=[qemu.raw_disk(image)]) as guest:
        def read_all() -> None:
            for block in range(60):
                guest.run(f"run cache-check read 0 {block * 4096} 4096")

        read_all()
        for program in ("cache@2", "cache"):
            guest.run(f"replace cache={program}")
            read_all()
            now = counters(guest)
            assert now["misses"] == 0 and now["hits"] >= 60, now  # programs are read as well
        guest.run("kill cache")
        assert counters(guest)["blocks"] < 60  # some that others have read since
        assert_healthy(guest)


def test_errors_reach_who_asked(image):
    errors = [{"event": "read_aio", "sector": BAD, "errno": 5}, {"event": "write_aio", "sector": BAD, "errno": 5}]
    with Machine("cache-errors", disks=[with_errors(image, *errors)]) as guest:
        output, status = guest.command("run cache-check load 0 1 100", timeout=300)
        assert status != 0 and "input/output error" in output
        output, status = guest.command(f"run cache-check read 0 {BAD // 8 * 4096 + 1} 8192")
        assert status != 0 and "input/output error" in output
        guest.run(f"run cache-check read 0 {BAD // 8 * 4096 - 40960} 40960")
        guest.run(f"run cache-check read 0 {(BAD // 8 + 1) * 4096} 100000")
        assert counters(guest)["read_errors"] > 0
        assert "wrong=0" in guest.run(f"run cache-check load 0 2 100 {16 << 20}", timeout=300)
        assert_healthy(guest)
