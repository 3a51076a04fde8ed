"""One connection of an ordinary client lives on while the server below it is killed several times."""

import random

import pytest

from harness import Machine, assert_healthy
from transfers import Curl, check_upload, guest_sum

MEBI = 1 << 20
SIZE = 24 * MEBI
KILLS = 8
SLOWLY = ["--limit-rate", "8M"]  # else the transfer would be over before the kills are


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("resilience") as machine:
        machine.wait_for_network()
        yield machine


def kill_during(guest, transfer: Curl, server: str) -> None:
    """All in the one connection, or as many as a busy host lets through."""
    killed = 0
    while transfer.is_alive() and killed < KILLS:
        guest.run(f"kill {server}")
        killed += transfer.is_alive()
    assert killed >= 2, "the transfer was over before the server was killed"


@pytest.mark.parametrize("server", ["rtl8139", "inet"])
def test_download(guest, server):
    transfer = Curl(*SLOWLY, guest.url(f"/random?bytes={SIZE}&seed=7"))
    kill_during(guest, transfer, server)
    assert transfer.finish() == guest_sum(guest, SIZE, 7)
    assert_healthy(guest)


@pytest.mark.parametrize("server", ["rtl8139", "inet"])
def test_upload(guest, server):
    body = random.Random(7).randbytes(SIZE)
    transfer = Curl(*SLOWLY, "-H", "Expect:", "-T", "-", guest.url("/sink"), body=body)
    kill_during(guest, transfer, server)
    check_upload(transfer, body)
    assert_healthy(guest)
