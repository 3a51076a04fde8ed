"""The state that a server finds is damaged: it says so, starts clean, and serves."""

import pytest

from harness import Machine, assert_healthy
from inet_failures import Echo
from test_recovery import row_when_served
from transfers import download, guest_sum

SAYS = {"rtl8139": "rtl8139: the state is damaged", "console": "console: the state is damaged", "inet": "inet: the state is damaged",
        "guardian": "guardian: starts clean", "disk": "disk: the state is damaged", "cache": "cache: the state is damaged",
        "file": "file: the state is damaged"}
# These need nothing of what bad-sound makes wrong: an area for commands is taken anew, and a clean cache has no dirty pages.
GOES_ON = {("disk", "bad-sound"), ("cache", "bad-sound")}
GONE = "file: the disk of / is gone"


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("damaged-state", disk=True) as machine:
        machine.wait_for_network()
        machine.run("put /home/before kept")
        yield machine


@pytest.mark.parametrize("program", ["bad-damage", "bad-record", "bad-sound"])
@pytest.mark.parametrize("server", SAYS)
def test_starts_clean(guest, server, program):
    guest.run("sync")  # dirty blocks are part of the cache's state
    before, lost = (guest.run("log").count(text) for text in (SAYS[server], GONE))
    guest.command(f"replace {server}={program}")
    assert row_when_served(guest, server)["program"] == server.replace("disk", "ata")
    clean = (server, program) not in GOES_ON
    assert guest.run("log").count(SAYS[server]) == before + clean
    guest.wait_for_network()
    assert download(guest, 300_000, 1).finish() == guest_sum(guest, 300_000, 1)
    connection = Echo(guest)
    connection.ask(b"still here" * 1000)
    connection.end()
    if server == "cache" and clean:  # what it had not written is lost: the file server finds its disk gone, and mounts it anew
        guest.command("put /home/other text")
        guest.command("sync")
        row_when_served(guest, "file")
        assert guest.run("log").count(GONE) == lost + 1
    assert guest.run("cat /home/before").strip() == "kept"
    assert_healthy(guest)
