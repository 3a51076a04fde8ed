"""A fault in a process harms that process only."""

import time

import pytest

from harness import Machine, assert_healthy, assert_nothing_leaked, settled_free_pages

CRASHES = ["null", "text", "div0", "stack", "wild", "panic", "exit"]
TRAPS = ["divide", "debug", "breakpoint", "overflow", "bound", "invalid", "fpu", "general", "stack", "alignment", "page", "simd"]


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("faults") as machine:
        machine.wait_for_network()
        yield machine


def wait_until_registered(guest, name):
    """A program that was started just now has no functions yet."""
    deadline = time.monotonic() + 60
    while not any(row["name"] == name and row["functions"] for row in guest.json("servers")):
        assert time.monotonic() < deadline, f"{name} does not register"
        time.sleep(0.1)


@pytest.mark.parametrize("kind", CRASHES)
def test_crash_of_a_server(guest, kind):
    wait_until_registered(guest, "echo")
    guest.run(f"crash echo {kind}")
    faults = guest.run("faults")
    assert "echo" in faults
    guest.wait_for_network()
    assert_healthy(guest)
    guest.command("stop echo")
    guest.run("start echo")


def test_every_trap_of_the_cpu(guest):
    before = settled_free_pages(guest)
    guest.run("run trap all", 300)
    assert_healthy(guest)
    assert_nothing_leaked(guest, before)


def test_isolation(guest):
    guest.run("run isolate", 300)
    assert_healthy(guest)
    guest.wait_for_network()


def test_ends_after_every_instruction_and_damaged_text(guest):
    before = settled_free_pages(guest)
    guest.run("run inject", 600)
    assert_healthy(guest)
    assert_nothing_leaked(guest, before)


def test_killed_server_answers_its_callers_with_an_error(guest):
    guest.run("kill echo")
    guest.command("stop echo")
    guest.run("start echo")
    guest.wait_for_network()
    assert_healthy(guest)
