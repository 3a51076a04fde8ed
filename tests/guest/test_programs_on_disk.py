"""Programs in /bin and elsewhere on the disk: started, replaced, restarted without a disk, refused."""

import re
import time

import pytest

from harness import Machine, assert_healthy, disks, settled_free_pages
from transfers import download, guest_sum


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("programs-on-disk", disk=True) as machine:
        machine.wait_for_network()
        yield machine


def server(guest, name: str) -> dict:
    return next(row for row in guest.json("servers") if row["name"] == name)


def test_run_by_name_and_by_path(guest):
    assert "argv[0]=/bin/chello-disk" in guest.run("run chello-disk a")
    assert "argv[1]=b" in guest.run("run /bin/chello-disk b")
    assert "archive" not in guest.run("ps")


def test_memory_is_as_before(guest):
    guest.run("run chello-disk")
    before = settled_free_pages(guest)
    for _ in range(5):
        guest.run("run chello-disk")
    assert abs(settled_free_pages(guest) - before) <= 8


@pytest.mark.parametrize("command, error", [("run nobody", "not_found"), ("run /bin/nobody", "not_found"), ("run /bin", "bad_image"),
                                            ("run /www/hello.html", "denied"), ("run /a/path/that/is/too/long/for/us", ""),
                                            ("replace rtl8139=/bin/nobody", "not_found"),
                                            ("replace rtl8139=/www/hello.html", "denied")])
def test_refused(guest, command, error):
    output, status = guest.command(command)
    assert status != 0 and error in output, output


def test_driver_from_disk_under_load(guest):
    """The card's driver comes from the disk while a connection is open, is restarted from memory and goes back."""
    load = download(guest, 8_000_000, 5)
    output = guest.run("replace rtl8139=/bin/rtl8139@2")
    assert re.search(r"replaced=rtl8139 .*new_version=\d+", output), output
    assert server(guest, "rtl8139")["program"] == "/bin/rtl8139@2"
    guest.run("kill rtl8139")
    assert load.finish() == guest_sum(guest, 8_000_000, 5)
    assert server(guest, "rtl8139")["program"] == "/bin/rtl8139@2"
    guest.run("replace rtl8139")  # is read again
    guest.run("replace rtl8139=rtl8139")
    assert server(guest, "rtl8139")["program"] == "rtl8139"


def test_restart_needs_no_disk(guest):
    guest.run("replace rtl8139=/bin/rtl8139")
    time.sleep(2.5)  # until the probation is over
    for name in ("file", "cache", "disk"):
        guest.run(f"stop {name}")
    before = server(guest, "rtl8139")["failures"]
    guest.command("crash rtl8139 null")
    for _ in range(100):
        row = server(guest, "rtl8139")
        if row["failures"] > before and not row["vacant"]:
            break
        time.sleep(0.1)
    assert row["program"] == "/bin/rtl8139" and row["failures"] == before + 1
    assert download(guest, 100_000, 1).finish() == guest_sum(guest, 100_000, 1)
    output, status = guest.command("run chello-disk")
    assert status != 0 and "not_found" in output
    assert_healthy(guest)


def test_disk_path_recovers_itself():
    """Each server of the disk path fails, all at once too; programs are read nevertheless."""
    with Machine("disk-path", disk=True) as machine:
        machine.run("run chello-disk")
        for names in (["disk"], ["cache"], ["file"], ["disk", "cache", "file"]):
            for name in names:
                machine.run(f"kill {name}")
            assert "all good" in machine.run("run chello-disk")
        machine.command("hang file")
        assert "all good" in machine.run("run chello-disk")
        assert_healthy(machine)
        assert machine.power_off() == 0
        clean, text = disks.check(machine.disk)
        assert clean, text


def test_guardian_fails_while_it_reads():
    with Machine("guardian-reads", disk=True) as machine:
        machine.run("run chello-disk")
        for instructions in (3000, 20_000, 60_000, 150_000, 400_000):
            machine.run(f"stop-after guardian {instructions}")
            assert "all good" in machine.run("run chello-disk")
        assert_healthy(machine)


def test_users(tmp_path):
    """A program that is run for another user may do what that user may."""
    for name in ("home", "bin", "tmp"):
        (tmp_path / "disk" / name).mkdir(parents=True)
    for program in disks.programs():
        if program.name == "lua":
            (tmp_path / "disk/bin/lua").write_bytes(program.read_bytes())
    (tmp_path / "disk/bin/lua").chmod(0o755)
    (tmp_path / "disk/home/secret").write_text("secret\n")
    (tmp_path / "disk/home/secret").chmod(0o600)
    (tmp_path / "disk/home/read.lua").write_text("local f, why = io.open('/home/secret')\n"
                                                 "print(f and f:read('l') or why)\n")
    (tmp_path / "disk/home/mine").write_bytes((tmp_path / "disk/bin/lua").read_bytes())
    (tmp_path / "disk/home/mine").chmod(0o700)
    image = disks.make(tmp_path / "disk.img", 64, tmp_path / "disk")
    with Machine("users", disk=image) as machine:
        assert "secret\n" in machine.run("run lua /home/read.lua")
        assert "ermission denied" in machine.run("run --user 7 lua /home/read.lua")
        assert "secret\n" in machine.run("run /home/mine /home/read.lua")
        assert machine.command("run --user x lua")[1] != 0
