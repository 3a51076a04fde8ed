"""A drive that fails: errors of reading, writing and flushing, and delays. Who asked hears of it; nobody else is harmed, and nothing
hangs."""

import random

import pytest

from harness import Machine, assert_healthy, disks, qemu

MACHINES = ["pc", "q35"]
DATA = random.Random(5).randbytes(300_000)


@pytest.fixture(name="image")
def prepared_image(tmp_path):
    image = disks.copy(disks.template(), tmp_path / "disk.img")
    (tmp_path / "data").write_bytes(DATA)
    disks.put(image, {"/www/bad": tmp_path / "data", "/www/good": tmp_path / "data"})
    return image


def sector_of(image, path: str) -> int:
    """One in the middle of a file."""
    blocks = disks.tool("debugfs", "-R", f"blocks {path}", str(image)).stdout.split()
    return int(blocks[len(blocks) // 2]) * 8


def faulty(image, *rules: dict) -> str:
    options = ["driver=raw", "file.driver=blkdebug", "file.image.driver=file", f"file.image.filename={qemu.escaped(image)}"]
    for number, rule in enumerate(rules):
        options += [f"file.inject-error.{number}.{name}={value}" for name, value in rule.items()]
    return ",".join(options)


@pytest.mark.parametrize("machine", MACHINES)
def test_unreadable_sector(image, machine):
    rule = {"event": "read_aio", "errno": 5, "sector": sector_of(image, "/www/bad"), "once": "off", "immediately": "off"}
    with Machine(f"unreadable-{machine}", machine=machine, disks=[faulty(image, rule)]) as guest:
        output, status = guest.command("cat /www/bad")
        assert status != 0 and "io_error" in output, output[-300:]
        assert guest.command("cat /www/good")[1] == 0
        assert guest.command("run chello-disk")[1] == 0
        assert guest.command("cat /www/bad")[1] != 0
        assert_healthy(guest)
        assert guest.power_off() == 0
    clean, text = disks.check(image)
    assert clean, text


@pytest.mark.parametrize("machine", MACHINES)
def test_unwritable_sector(image, machine, tmp_path):
    (tmp_path / "overwrite").write_text("local f = assert(io.open('/www/bad', 'r+b'))\n"
                                        "assert(f:write(string.rep('x', 300000)))\nassert(f:close())\nprint('written')\n")
    disks.put(image, {"/home/overwrite.lua": tmp_path / "overwrite"})
    rule = {"event": "write_aio", "errno": 5, "sector": sector_of(image, "/www/bad"), "once": "off", "immediately": "off"}
    with Machine(f"unwritable-{machine}", machine=machine, disks=[faulty(image, rule)]) as guest:
        written, written_status = guest.command("run lua /home/overwrite.lua")
        synced, synced_status = guest.command("sync")
        assert written_status != 0 or synced_status != 0, written + synced
        assert guest.command("cat /www/good")[1] == 0
        assert guest.command("run file-check write /home/other 4 100000")[1] == 0
        assert guest.command("run file-check verify /home/other 4 100000")[1] == 0
        assert guest.command("run chello-disk")[1] == 0
        assert_healthy(guest)


@pytest.mark.parametrize("machine", MACHINES)
def test_flush_that_fails_once(image, machine):
    rule = {"event": "flush_to_disk", "errno": 5, "once": "on", "immediately": "off"}
    with Machine(f"flush-{machine}", machine=machine, disks=[faulty(image, rule)]) as guest:
        guest.command("run file-check write /home/other 4 100000")
        first = guest.command("sync")[1]
        assert guest.command("sync")[1] == 0, first
        assert guest.command("run file-check verify /home/other 4 100000")[1] == 0
        assert_healthy(guest)
        assert guest.power_off() == 0
    clean, text = disks.check(image)
    assert clean, text


@pytest.mark.parametrize("machine", MACHINES)
def test_slow_drive(image, machine):
    """A drive that does ten things a second: everything takes its time, and nothing is lost."""
    with Machine(f"slow-{machine}", machine=machine, wait=True, disks=[f"{qemu.raw_disk(image)},throttling.iops-total=10"]) as guest:
        guest.run("run chello-disk", 300)
        guest.wait_for_network()
        guest.run("run file-check write /home/other 4 20000", 300)
        guest.run("sync", 300)
        guest.run("run file-check verify /home/other 4 20000", 300)
        assert_healthy(guest)
