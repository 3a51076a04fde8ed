"""Memory above 4 GiB is used; what devices write to lies below."""

import json
import random

import pytest

from harness import Machine, assert_nothing_leaked, settled_free_pages
from transfers import check_upload, download, guest_sum, upload

MEBI = 1 << 20
PAGE = 4096
LITTLE_BELOW = ["-machine", "max-ram-below-4g=40M"]


def memory(guest) -> dict:
    listing = json.loads(guest.run("ica --json"))
    assert listing["audit"] == "ok"  # which also says that each area lies below 4 GiB
    return listing


def check_devices(guest) -> None:
    """Card and disk, through processes that have come and gone."""
    body = random.Random(6).randbytes(3 * MEBI)
    check_upload(upload(guest, body), body)
    transfer = download(guest, 8 * MEBI, 6)
    for server in ("rtl8139", "inet", "disk", "cache", "file"):
        guest.run(f"replace {server}")
    assert transfer.finish() == guest_sum(guest, 8 * MEBI, 6)
    guest.run("put /home/line text")
    guest.run("kill disk")
    assert guest.run("cat /home/line").strip() == "text"


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_six_gibibytes(machine):
    with Machine(f"memory-6g-{machine}", machine=machine, memory=6144, disk=True) as guest:
        guest.wait_for_network()
        listing = memory(guest)
        assert listing["total_pages"] * PAGE > 6000 * MEBI
        assert listing["high_pages"] * PAGE > 2800 * MEBI
        check_devices(guest)
        memory(guest)


def test_a_program_larger_than_what_is_below():
    """40 MiB below 4 GiB, a lot above: programs do not take from devices what these need."""
    with Machine("memory-above", memory=256, disk=True, extra=LITTLE_BELOW) as guest:
        guest.wait_for_network()
        listing = memory(guest)
        assert (listing["total_pages"] - listing["high_pages"]) * PAGE < 40 * MEBI
        # Lua has it twice for a moment.
        program = "s = string.rep('AnT-', 7 << 20) print(#s, s:sub(-5))"
        assert guest.run(f'run lua -e "{program}"') == f"{28 * MEBI}\t-AnT-\n"
        check_devices(guest)
        memory(guest)


# Takes what there is, in smaller and smaller pieces, and goes on asking for a second.
TAKE_ALL = ("local n, t = 65536, {} local more = function() t = {t, string.rep('x', n)} end "
            "while n >= 64 do if not pcall(more) then n = n // 2 end end "
            "print('full') n = 9000 local e = os.time() + 2 while os.time() < e do pcall(more) end")


def test_all_memory_used_up():
    """By a program, which can say so. The servers are the same ones afterwards, and nothing is lost."""
    with Machine("memory-full", memory=64, disk=True) as guest:
        guest.wait_for_network()
        assert guest.run('run lua -e "print(1)"') == "1\n"  # from the disk: the cache has it then
        before = settled_free_pages(guest)
        servers = {row["name"]: row["pid"] for row in guest.json("servers")}
        assert guest.run(f'run lua -e "{TAKE_ALL}"') == "full\n"
        assert {row["name"]: row["pid"] for row in guest.json("servers")} == servers
        assert_nothing_leaked(guest, before)
        check_devices(guest)
        memory(guest)
