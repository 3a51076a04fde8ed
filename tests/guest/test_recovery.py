"""A server that fails comes back, and its clients go on."""

import re
import time

import pytest

from harness import Machine, assert_healthy
from replacing import REPLACED, replace

SERVERS = ["basic", "rtl8139", "inet", "console", "guardian"]
CRASHES = {"null": "page fault", "text": "page fault", "div0": "divide error", "stack": "page fault", "wild": "page fault",
           "panic": "panic", "exit": "exit"}


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("recovery") as machine:
        machine.wait_for_network()
        machine.run("start basic")
        yield machine


def row_of(guest, name: str) -> dict:
    return next(row for row in guest.json("servers") if row["name"] == name)


def row_when_served(guest, name: str, timeout: float = 60) -> dict:
    deadline = time.monotonic() + timeout
    while (row := row_of(guest, name))["vacant"]:
        assert time.monotonic() < deadline, f"{name} does not come back"
    return row


def wait_for_notice(guest, text: str, timeout: float = 120) -> None:
    """It may come in the middle of a command's output."""
    deadline = time.monotonic() + timeout
    while text not in guest.console.transcript:
        assert time.monotonic() < deadline, f"no notice {text!r}"
        guest.console.drain(0.2)


def newest(guest, listing: str, name: str) -> dict:
    return [row for row in guest.json(listing) if row["name"] == name][-1]


def assert_came_back(guest, before: dict, cause: str) -> None:
    name = before["name"]
    after = row_when_served(guest, name)
    assert after["failures"] == before["failures"] + 1, [row for row in guest.json("faults") if row["name"] == name]
    assert after["pid"] != before["pid"] and after["program"] == before["program"]
    fault, record = newest(guest, "faults", name), newest(guest, "history", name)
    assert fault["cause"] == cause and fault["pid"] == before["pid"] and fault["vacant"]
    assert record["cause"] == cause and record["error"] == "none" and record["old_pid"] == before["pid"]
    assert_healthy(guest)


@pytest.mark.parametrize("kind", CRASHES)
@pytest.mark.parametrize("server", SERVERS)
def test_crash(guest, server, kind):
    before = row_of(guest, server)
    guest.run(f"crash {server} {kind}")
    assert_came_back(guest, before, CRASHES[kind])


@pytest.mark.parametrize("server", SERVERS)
def test_hang(guest, server):
    """The driver's loop has the highest priority of all that serve."""
    before = row_of(guest, server)
    guest.run(f"hang {server}")
    assert_came_back(guest, before, "hang")


@pytest.mark.parametrize("kind", ["lost_reply", "double_free", "overrun", "runaway"])
def test_misbehaviour(guest, kind):
    before = row_of(guest, "basic")
    guest.run(f"crash basic {kind}")
    cause = {"lost_reply": "lost reply", "runaway": "runaway"}.get(kind)
    assert_came_back(guest, before, cause or newest(guest, "faults", "basic")["cause"])


@pytest.mark.parametrize("server", SERVERS)
def test_kill(guest, server):
    before = row_of(guest, server)
    guest.run(f"kill {server}")
    assert_came_back(guest, before, "killed")
    guest.wait_for_network()


def test_nobody_stops_the_guardian(guest):
    assert guest.command("stop guardian")[1] != 0


def test_stop_is_for_good(guest):
    guest.run("start basic twice")
    guest.run("stop twice")
    assert "twice" not in [row["name"] for row in guest.json("servers")]
    assert guest.command("crash twice null")[1] != 0


def test_the_shell_comes_back_with_a_prompt(guest):
    before = row_of(guest, "shell")
    guest.command("kill shell")
    assert row_of(guest, "shell")["pid"] != before["pid"]
    assert "all good" in guest.run("run chello")


@pytest.mark.parametrize("command", ["crash console null", "replace console"])
def test_what_was_typed_ahead_is_kept(guest, command):
    guest.console.send(f"{command}\nserv")
    guest.console.expect("restarted|replaced=")
    guest.console.send("ers\n")
    guest.console.expect("SLOT .*FUNC")
    guest.console.until_prompt()


def test_faults_tell_the_place(guest):
    guest.run("crash basic null")
    fault = newest(guest, "faults", "basic")
    assert fault["place"].startswith("crash_as_asked+0x") and fault["address"] == 0 and "rip" not in fault["registers"]
    assert fault["calls_failed"] == 1 and len(fault["registers"]) == 16
    guest.run("crash basic panic")
    assert "asked for" in newest(guest, "faults", "basic")["text"]
    assert "crash_as_asked+0x" in guest.run("faults")


def test_history_tells_the_cause(guest):
    guest.run("crash basic div0")
    record = newest(guest, "history", "basic")
    assert record["cause"] == "divide error" and record["calls_failed"] == 1
    assert record["fault"] == newest(guest, "faults", "basic")["number"]
    assert set(record["phase_ns"]) == {"detect", "stop", "create", "load", "registration", "state", "device", "first"}
    assert "after divide error: replaced=basic" in guest.run("history")


@pytest.mark.parametrize("server", ["basic", "rtl8139", "inet", "console"])
def test_a_program_that_fails_on_probation_is_rolled_back(guest, server):
    before = row_of(guest, server)
    replace(guest, f"{server}=bad-later")
    wait_for_notice(guest, f"{server}: bad-later failed on probation, back to {server}")
    assert row_when_served(guest, server)["program"] == before["program"]
    guest.wait_for_network()
    assert_healthy(guest)


def test_a_guardian_that_fails_on_probation(guest):
    before = row_of(guest, "guardian")
    replace(guest, "guardian=bad-later")
    deadline = time.monotonic() + 60
    while (after := row_when_served(guest, "guardian"))["program"] != before["program"]:
        assert time.monotonic() < deadline
    assert after["pid"] != before["pid"]
    replace(guest, "basic")


def test_a_crash_loop_is_given_up(guest):
    guest.run("start bad-later loop")
    wait_for_notice(guest, "loop is given up after")
    assert "loop" not in [row["name"] for row in guest.json("servers")]
    assert guest.command("crash loop null")[1] != 0
    assert_healthy(guest)


def replaced_all(guest, *names: str) -> None:
    output = guest.run("replace " + " ".join(names))
    assert [match["name"] for match in REPLACED.finditer(output)] == list(names), output


def test_the_guardian_replaced_among_others(guest):
    for program in ("guardian", "guardian=guardian@2", "guardian=guardian"):
        replace(guest, program)
        assert row_of(guest, "guardian")["program"] == program.split("=")[-1]
        replaced_all(guest, "rtl8139", "web")
        guest.run("crash basic null")
    replaced_all(guest, "guardian", "basic")
    guest.wait_for_network()
    assert_healthy(guest)


@pytest.mark.parametrize("command", ["replace guardian", "crash guardian null"])
def test_records_outlive_the_guardian(guest, command):
    guest.run("crash basic null")
    fault, record = newest(guest, "faults", "basic"), newest(guest, "history", "basic")
    guest.run(command)
    row_when_served(guest, "guardian")
    assert newest(guest, "faults", "basic") == fault and newest(guest, "history", "basic") == record
    later = guest.json(f"faults {fault['number']}")
    assert [row["name"] for row in later] == (["guardian"] if "crash" in command else [])


def test_a_guardian_without_state_starts_clean(guest):
    before = {row["name"]: row["pid"] for row in guest.json("servers") if row["name"] not in ("guardian", "shell")}
    assert "error=restarted" in guest.command("replace guardian=bad-damage")[0]
    wait_for_notice(guest, "starts clean")
    row_when_served(guest, "guardian")
    after = {row["name"]: row["pid"] for row in guest.json("servers")}
    assert before.items() <= after.items()
    guest.run("crash basic null")
    replaced_all(guest, "rtl8139", "web")
    assert "all good" in guest.run("run chello")
    assert_healthy(guest)


# Of the guardian's own instructions; the last are more than it needs.
ALWAYS_STOPS = 1000
STOPS = [1, 10, 100, 300, 1000, 2000, 4000, 6000, 10_000, 20_000, 40_000, 100_000]


def let_guardian_go(guest):
    """It may be stopped by what was left of its instructions just in this call; then the next one is not."""
    output, status = guest.command("stop-after guardian 0")
    assert status == 0 or "error=restarted" in output


@pytest.mark.parametrize("instructions", STOPS)
def test_the_guardian_fails_in_a_replacement(guest, instructions):
    """Each server is replaced once, whoever finishes it."""
    before = {name: row_of(guest, name)["restarts"] for name in ("web", "basic")}
    guest.run(f"stop-after guardian {instructions}")
    replaced_all(guest, "web", "basic")
    let_guardian_go(guest)
    if instructions <= ALWAYS_STOPS:
        assert newest(guest, "faults", "guardian")["cause"] == "stopped"
    for name, restarts in before.items():
        assert row_of(guest, name)["restarts"] == restarts + 1
    assert_healthy(guest)


@pytest.mark.parametrize("instructions", STOPS)
def test_the_guardian_fails_in_a_start(guest, instructions):
    """The program runs once, and its end is told."""
    guest.run(f"stop-after guardian {instructions}")
    output = guest.run("run chello")
    assert len(re.findall("hello from the C library", output)) == 1 and "all good" in output
    let_guardian_go(guest)
    assert_healthy(guest)
