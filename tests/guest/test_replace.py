"""Servers are replaced while their clients keep working."""

import pytest

from harness import Machine
from replacing import replace


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("replace") as machine:
        machine.wait_for_network()
        yield machine


def test_reports_the_replacement(guest):
    row = replace(guest, "rtl8139")[0]
    assert row["name"] == "rtl8139"
    assert row["old_pid"] != row["new_pid"]
    assert 0 < int(row["blackout_ns"]) <= int(row["total_ns"])
    guest.wait_for_network()


def test_another_version_and_back(guest):
    assert replace(guest, "rtl8139=rtl8139@2")[0]["new_version"] == "2"
    guest.wait_for_network()
    assert replace(guest, "rtl8139=rtl8139")[0]["old_version"] == "2"
    guest.wait_for_network()


def test_order_of_the_paper(guest):
    replace(guest, "rtl8139 --as-paper")
    guest.wait_for_network()


def test_the_console_itself(guest):
    replace(guest, "console")
    assert "rtl8139" in guest.run("servers")


def test_appears_in_history(guest):
    replace(guest, "rtl8139")
    assert "rtl8139" in guest.run("history")
