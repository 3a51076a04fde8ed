"""A replacement that fails before the commit leaves the old server serving, and says why."""

import re

import pytest

from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages

# Program and the words of the error that the prompt must report.
BAD = {
    "bad-elf": r"error=\S+ why=\".*(image|ELF)",
    "bad-exit": r"error=\S+ why=\".*exit",
    "bad-memory": r"error=no_memory why=\"",
    "bad-silent": r"error=\S+ why=\".*regist",
    "bad-spin": r"error=not_registered why=\".*regist",
    "bad-state": r"error=\S+ why=\".*(state|format)",
    "no-such-program": r"error=\S+ why=\"",
}


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("bad-replacement") as machine:
        machine.wait_for_network()
        yield machine


def pid_of(guest, name: str) -> int:
    return next(row["pid"] for row in guest.json("servers") if row["name"] == name)


@pytest.mark.parametrize("program", BAD)
def test_the_old_server_goes_on(guest, program):
    pid, before = pid_of(guest, "rtl8139"), settled_free_pages(guest)
    output, status = guest.command(f"replace rtl8139={program}", 300)
    assert status != 0
    assert re.search(BAD[program], output), output
    assert pid_of(guest, "rtl8139") == pid
    guest.wait_for_network()
    assert_healthy(guest)
    assert_nothing_leaked(guest, before)


def test_unknown_server(guest):
    output, status = guest.command("replace nobody")
    assert status != 0 and "error=" in output


def test_again_and_again(guest):
    before = settled_free_pages(guest)
    for _ in range(20):
        assert guest.command("replace rtl8139=bad-exit")[1] != 0
        assert guest.command("replace rtl8139=bad-state")[1] != 0
    assert_healthy(guest)
    assert_nothing_leaked(guest, before)
