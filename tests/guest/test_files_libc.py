"""Files of C programs (user/ctests/cfiles.c), and the shell's commands on files."""

import re

import pytest

from disk_programs import run_with_kills, until_it_fails
from harness import Machine, assert_healthy


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("files-libc", disk=True, memory=128) as machine:
        machine.wait_for_network()  # the web server has said what it has to say
        yield machine


def test_calls_and_their_errors(guest):
    output = guest.run("run cfiles")
    assert "FAILED" not in output and "all good" in output


def test_twice_in_the_same_place(guest):
    guest.run("mkdir /tmp/again")
    for _ in range(2):
        assert "all good" in guest.run("run cfiles /tmp/again")
    assert guest.json("ls /tmp/again") == []


def test_a_long_file(guest):
    assert "16 MiB ok" in guest.run("run cfiles write /home/long 16 3")
    assert "16 MiB ok" in guest.run("run cfiles check /home/long 16 3")
    assert guest.command("run cfiles check /home/long 16 4")[1] == 1
    assert next(row for row in guest.json("ls /home") if row["name"] == "long")["size"] == 16 << 20


def test_record_locks_between_processes(guest):
    guest.run("start cfiles holder lock /home/lock 3600000")
    assert "Resource temporarily unavailable" in until_it_fails(guest, "run cfiles lock /home/lock 0")
    guest.run("kill holder")
    assert "cfiles: locked" in guest.run("run cfiles lock /home/lock 0")


def test_locks_that_would_wait_for_each_other(guest):
    before = len(guest.console.transcript)
    guest.run("start cfiles other lock-both /home/one /home/two")
    guest.command("run cfiles lock-both /home/two /home/one")
    for _ in range(100):
        said = re.findall("both locked|Resource deadlock", guest.console.transcript[before:])
        if len(said) == 2:
            break
        guest.command("ps")
    assert sorted(said) == ["Resource deadlock", "both locked"]


def test_who_one_is(guest):
    assert "user 0, group 0, ok" in guest.run("run cfiles who /tmp/root")
    assert "user 1000, group 1000, ok" in guest.run("run --user 1000 cfiles who /tmp/mine")


def test_without_the_right(guest):
    """Files of root are not everybody's."""
    guest.run("put /home/mine text")
    output, status = guest.command("run --user 1000 cfiles write /home/mine 1 1")
    assert status == 1 and "Permission denied" in output


@pytest.mark.parametrize("server", ["file", "cache", "disk"])
def test_a_long_file_while_a_server_is_killed(guest, server):
    kills = run_with_kills(guest, "writer", "cfiles write /home/killed 24 7", (server,))
    assert kills > 0
    assert "24 MiB ok" in guest.run("run cfiles check /home/killed 24 7")


def test_shell_commands(guest):
    guest.run("mkdir /home/shell")
    guest.run("put /home/shell/b one  two")
    guest.run("put /home/shell/a 'with  spaces'")
    guest.run("put /home/shell/c\nfirst line\n\n  ls 'indented\n..\n.")
    assert guest.run("cat /home/shell/c") == "first line\n\n  ls 'indented\n..\n"
    guest.run("put /home/shell/c\n.")
    assert guest.run("cat /home/shell/c") == ""
    output, status = guest.command("put /home/not/there\npoweroff\n.")
    assert status == 1 and "not found" in output
    guest.run("rm /home/shell/c")
    assert guest.run("cat /home/shell/a") == "with  spaces\n"
    assert guest.run("ls /home/shell") == "a\nb\n"
    assert guest.run("ls -l /home/shell/a").startswith("-rw-r--r--   1     0     0           13 20")
    guest.run("mv /home/shell/a /home/shell/c")
    guest.run("mkdir /home/shell/d")
    guest.run("mv /home/shell/c /home/shell/d")
    assert [row["name"] for row in guest.json("ls /home/shell/d")] == ["c"]
    assert guest.command("rm /home/shell")[1] == 1
    guest.run("rm -r /home/shell")
    assert guest.command("ls /home/shell")[1] == 1
    assert guest.json("df")[0]["path"] == "/"
    assert guest.json("disks")[0]["disk"] == 0


def test_cat_is_interrupted(guest):
    guest.run("run cfiles write /home/endless 8 1")
    guest.console.send("cat /home/endless\n")
    guest.console.drain(1)
    guest.console.send("\x03")
    guest.console.until_prompt(120)
    assert guest.console.status() == 130


def test_nothing_is_left_behind(guest):
    assert_healthy(guest)
