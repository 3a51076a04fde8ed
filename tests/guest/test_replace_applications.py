"""Applications that serve are replaced in the middle of what they do; several servers with one command."""

import random

import pytest

from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages
from replacing import MEBI, replace
from transfers import check_upload, download, guest_sum, upload


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("replace-applications") as machine:
        machine.wait_for_network()
        yield machine


def replace_while(guest, transfer, what: str) -> int:
    count = 0
    while transfer.is_alive():
        replace(guest, what)
        count += 1
    return count


def test_web_server_during_a_download(guest):
    transfer = download(guest, 16 * MEBI, 3)
    assert replace_while(guest, transfer, "web") > 0
    assert transfer.finish() == guest_sum(guest, 16 * MEBI, 3)


def test_web_server_during_an_upload(guest):
    body = random.Random(4).randbytes(16 * MEBI)
    transfer = upload(guest, body)
    assert replace_while(guest, transfer, "web") > 0
    check_upload(transfer, body)


def test_driver_and_web_server_together(guest):
    transfer = download(guest, 16 * MEBI, 5)
    assert replace_while(guest, transfer, "web rtl8139") > 0
    assert transfer.finish() == guest_sum(guest, 16 * MEBI, 5)


def test_one_that_fails_takes_the_others_back(guest):
    output, status = guest.command("replace rtl8139=rtl8139@2 web=bad-exit")
    assert status != 0 and "error=cancelled" in output and "error=exited_early" in output
    programs = {row["name"]: row["program"] for row in guest.json("servers")}
    assert programs["rtl8139"] == "rtl8139" and programs["web"] == "web"
    guest.wait_for_network()


def test_nothing_begins_when_one_cannot(guest):
    before = {row["name"]: row["pid"] for row in guest.json("servers")}
    assert guest.command("replace rtl8139 nobody")[1] != 0
    assert guest.command("replace rtl8139 web=bad-elf")[1] != 0
    assert {row["name"]: row["pid"] for row in guest.json("servers")} == before


def test_the_shell_replaces_itself(guest):
    """The new one has the answer to the old one's command, its history and the status."""
    guest.command("no-such-command")
    replace(guest, "inet shell")
    assert guest.command("replace shell=bad-elf")[1] == 1
    guest.console.send("\x1b[A" * 4 + "\n")  # behind `status`, the refused `replace`, and `status` again
    assert "replaced=shell" in guest.console.until_prompt()
    guest.run("repeat 2 ping 10.0.2.2 1")


def test_killed_shells_leave_nothing_behind(guest):
    guest.command("kill shell")
    before = settled_free_pages(guest)
    for _ in range(5):
        guest.command("kill shell")
    assert_nothing_leaked(guest, before)


def test_nothing_is_left_behind(guest):
    replace(guest, "web echo shell")
    before = settled_free_pages(guest)
    for _ in range(20):
        replace(guest, "web echo shell")
    assert_healthy(guest)
    assert_nothing_leaked(guest, before)
