"""inet ends at every single instruction, and two hundred times under a hundred connections."""

import pytest

from harness import Machine
from inet_failures import (EXCHANGE, handshakes_through, hundred_connections, mixture, peer_alone, stop_in_exchanges, stops,
                           transfers_through)


@pytest.fixture(scope="module")
def guest():
    with Machine("inet-recovery-long") as machine:
        machine.wait_for_network()
        yield machine


@pytest.mark.parametrize("kind", EXCHANGE)
def test_stopped_after_every_instruction(guest, kind):
    stop_in_exchanges(guest, kind, 1, 1)


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_stopped_anywhere_in_a_transfer(guest, direction):
    transfers_through(guest, direction, stops(), 1000)


def test_a_mixture_of_a_hundred_connections(tmp_path_factory):
    with mixture(tmp_path_factory) as (machine, others):
        hundred_connections(machine, ["replace inet", "crash inet null"] * 200, others.through)


def test_half_open():
    with peer_alone() as (machine, wire):
        handshakes_through(machine, wire, ["replace inet", "crash inet null"] * 200)
