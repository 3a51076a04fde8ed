"""The card in its classic mode, its link, its counters, and two cards at once."""

import itertools
import random
import time

import pytest

from harness import Machine, assert_healthy
from transfers import check_upload, download, guest_sum, upload

MEBI = 1 << 20


@pytest.fixture(scope="module", name="guest", params=["classic", "cplus"])
def running_guest(request):
    with Machine(f"card-{request.param}", command_line=f"debug_exit=1 rtl8139.mode={request.param}") as machine:
        machine.wait_for_network()
        yield machine


def test_mode_is_the_one_asked_for(guest):
    assert ("classic mode" in guest.run("log")) == ("classic" in guest.name)


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_transfer_through_replacements(guest, direction):
    body = random.Random(5).randbytes(24 * MEBI) if direction == "upload" else b""
    transfer = upload(guest, body) if body else download(guest, 8 * MEBI, 5)
    for program in itertools.cycle(["", "=rtl8139@2", "=rtl8139"]):
        guest.run(f"replace rtl8139{program}")
        if not transfer.is_alive():
            break
        time.sleep(0.05)
    if body:
        check_upload(transfer, body)
    else:
        assert transfer.finish() == guest_sum(guest, 8 * MEBI, 5)
    assert " 0 errors" in guest.run("net")
    assert_healthy(guest)


def test_counters_survive_replacements(guest):
    def sent() -> int:
        return next(row["statistics"]["transmitted_packets"] for row in guest.json("net"))
    before = sent()
    guest.run("replace rtl8139=rtl8139@2")
    guest.run("replace rtl8139=rtl8139")
    assert before <= sent() < before + 100


def test_link_down_and_up(guest):
    for up in (False, True):
        guest.qmp.execute("set_link", name="net0", up=up)
        deadline = time.monotonic() + 20
        while (", link up" in guest.run("net")) != up:
            assert time.monotonic() < deadline, "the change of the link has not been noticed"
            time.sleep(0.1)
    guest.wait_for_network()


def test_two_cards_on_one_interrupt_line():
    cards = ["-netdev", "hubport,id=h0,hubid=0", "-device", "rtl8139,netdev=h0,romfile=,mac=52:54:00:00:00:01",
             "-netdev", "hubport,id=h1,hubid=0", "-device", "rtl8139,netdev=h1,romfile=,mac=52:54:00:00:00:02"]
    with Machine("card-two", cards=cards) as machine:
        drivers = {row["name"] for row in machine.json("servers")}
        assert {"rtl8139", "rtl8139.1", "inet", "inet.1"} <= drivers
        machine.run("replace rtl8139.1=rtl8139@2")
        machine.run("replace rtl8139")
        assert_healthy(machine)
