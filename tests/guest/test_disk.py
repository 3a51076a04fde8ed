"""What every disk driver does: order, failures, replacements. On `pc` it is ata, on `q35` ahci."""

import random

import pytest

from disk_load import counters, empty_disk, load
from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages
from antlib import qemu

NEW_SEED = random.SystemRandom().randrange(1, 1 << 31)


@pytest.fixture(scope="module", name="guest", params=["pc", "q35"])
def running_guest(request, tmp_path_factory):
    image = empty_disk(tmp_path_factory.mktemp("disk") / "disk.img")
    with Machine(f"disk-{request.param}", machine=request.param, disks=[qemu.raw_disk(image)]) as machine:
        machine.image = image
        yield machine


def test_what_is_written_is_on_the_disk(guest):
    guest.run("run disk-check write 0 5 1000 5000 4194304")
    guest.run("run disk-check verify 0 5 1000 5000 512")
    with open(guest.image, "rb") as file:
        file.seek(999 * 512)
        assert file.read(512) == bytes(512)
        assert len(set(file.read(5000 * 512)[::512])) > 1
        assert file.read(512) == bytes(512)
    sectors = guest.image.stat().st_size // 512
    guest.run(f"run disk-check write 0 6 {sectors - 8} 8")
    assert guest.command(f"run disk-check write 0 6 {sectors - 8} 9 4608")[1] != 0
    assert guest.command("run disk-check verify 1 6 0 8")[1] != 0


@pytest.mark.parametrize("how", ["", "kill 40", "replace 20", "stop 20", "sweep 8", "hang 400", "mixed 30"])
@pytest.mark.parametrize("seed", [1, NEW_SEED])
def test_nothing_is_lost_and_nothing_comes_in_another_order(guest, how, seed):
    load(guest, seed, 200)
    before, begin = settled_free_pages(guest), counters(guest)
    ended = load(guest, seed, 1600, how)
    assert ended["wrong"] == 0 and ended["errors"] == 0
    # One at a time, so that the number depends on how fast the machine is.
    assert ended["failures"] >= (max(1, 1600 // int(how.split()[1]) // 8) if how else 0)
    assert counters(guest)["errors"] == begin["errors"] == 0
    assert_nothing_leaked(guest, before)
    assert_healthy(guest)


def test_counters_outlive_the_driver(guest):
    before = counters(guest)
    guest.run("run disk-check write 0 1 0 64")
    guest.run("replace disk")
    guest.run("kill disk")
    after = counters(guest)
    assert after["writes"] == before["writes"] + 1 and after["written_bytes"] == before["written_bytes"] + 64 * 512
    assert after["flushes"] == before["flushes"] + 1
