"""The console's contract: commands, status, --json, line editing."""

import pytest

from harness import Machine, assert_healthy

LISTINGS = ["ps", "servers", "ica", "net", "faults", "history"]
COMMANDS = ["help", "ps", "servers", "ica", "net", "faults", "history", "replace", "kill", "crash", "hang", "start", "stop",
            "run", "ping", "fetch", "sum", "trace", "bench", "reboot", "poweroff"]


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("console") as machine:
        yield machine


def test_help_names_every_command(guest):
    text = guest.run("help")
    missing = [command for command in COMMANDS if command not in text]
    assert not missing


@pytest.mark.parametrize("listing", LISTINGS)
def test_listing(guest, listing):
    guest.run(listing)


@pytest.mark.parametrize("listing", LISTINGS)
def test_listing_as_json(guest, listing):
    assert guest.json(listing) is not None


def test_servers_are_there(guest):
    names = {row["name"] for row in guest.json("servers")}
    assert {"guardian", "console", "rtl8139", "inet", "shell"} <= names


def test_status_is_the_last_commands(guest):
    assert guest.command("ps")[1] == 0
    assert guest.command("kill nobody")[1] != 0
    assert guest.command("no-such-command")[1] != 0


def test_empty_line_does_nothing(guest):
    assert guest.console.output_of("").strip() == ""


def test_garbage_on_the_line(guest):
    guest.console.send("\x00\x01\x7f\x1b[99~\x1b[A\x1b[B\xff\x15\n")
    guest.console.until_prompt(60)
    guest.run("ps")


def test_very_long_line(guest):
    guest.console.send("x" * 5000 + "\n")
    guest.console.until_prompt(120)
    guest.run("ps")


def test_editing(guest):
    guest.console.send("psx\x7f\n")
    assert "guardian" in guest.console.until_prompt(60)
    assert guest.console.status() == 0


def test_previous_line(guest):
    guest.run("servers")
    guest.console.send("\x1b[A\x1b[A\n")  # up: `status`, then `servers`
    assert "rtl8139" in guest.console.until_prompt(60)


def test_many_commands_in_one_go(guest):
    guest.console.send("ps\n" * 20)
    for _ in range(20):
        guest.console.until_prompt(60)
    assert_healthy(guest)


def test_start_and_stop(guest):
    guest.run("stop echo")
    assert "echo" not in {row["name"] for row in guest.json("servers") if row.get("pid")}
    guest.run("start echo")
    assert "echo" in {row["name"] for row in guest.json("servers")}


def test_trace(guest):
    """The shell's own calls, in order of time; the buffer goes back when it is forgotten."""
    assert "trace=on" in guest.run("trace on")
    guest.run("ps")
    records = guest.json("trace show")
    shell = next(row["pid"] for row in guest.json("ps") if row["name"] == "shell")
    assert [r["time_ns"] for r in records] == sorted(r["time_ns"] for r in records)
    assert {"list", "request"} <= {r["call"] for r in records if r["kind"] == "call" and r["pid"] == shell}
    assert {"call", "leave", "interrupt"} <= {r["kind"] for r in records}
    buffered = guest.json("ica")["free"]
    assert "trace=off records=0" in guest.run("trace forget")
    assert guest.json("ica")["free"] > buffered + 64
    assert guest.command("trace nonsense")[1] == 2
