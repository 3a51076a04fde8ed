"""SQLite as Debian has it, from the disk: transactions, journals, locks between processes; nothing committed is lost when the
servers under it fail."""

import pytest

from disk_programs import run_with_kills, until_it_fails, wait_for_end
from harness import Machine, assert_healthy


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("sqlite", disk=True, memory=128) as machine:
        machine.wait_for_network()  # the web server has said what it has to say
        yield machine


def sql(guest, database: str, statements: str) -> list[str]:
    return guest.run(f'run sqlite3 -batch -init /dev/null {database} "{statements}"').splitlines()


def script(guest, path: str, lines: str) -> None:
    """`lines`: what a Lua expression of i makes of 1 to n."""
    count, expression = lines.split(":", 1)
    guest.run(f"run lua -e \"local f = io.open('{path}', 'w') for i = 1, {count} do f:write({expression}, '\\n') end f:close()\"")


def test_transactions_with_a_rollback_journal(guest):
    assert sql(guest, "/home/a.db", "create table t(a integer primary key, b text);"
               "begin; insert into t(b) values('one'),('two'); commit;"
               "begin; insert into t(b) values('never'); rollback; select a, b from t; pragma journal_mode;") \
        == ["1|one", "2|two", "delete"]
    assert sql(guest, "/home/a.db", "select count(*), max(b) from t; pragma integrity_check;") == ["2|two", "ok"]
    assert not any("journal" in row["name"] for row in guest.json("ls /home"))


def test_write_ahead_log_without_shared_memory(guest):
    assert sql(guest, "/home/wal.db", "pragma locking_mode=exclusive; pragma journal_mode=wal; create table t(a);"
               "insert into t values(1); insert into t values(2); select sum(a) from t;") == ["exclusive", "wal", "3"]
    assert sql(guest, "/home/wal.db", "pragma locking_mode=exclusive; select sum(a) from t; pragma integrity_check;") \
        == ["exclusive", "3", "ok"]


def test_a_transaction_cut_off_is_rolled_back(guest):
    sql(guest, "/home/cut.db", "create table t(a); insert into t values(1);")
    guest.run('start sqlite3 writer /home/cut.db "pragma cache_size=10; begin; with recursive c(x) as (select 1 union all '
              'select x+1 from c) insert into t select hex(randomblob(500)) from c;"')
    while not any(row["name"] == "cut.db-journal" for row in guest.json("ls /home")):
        pass
    guest.run("sync")
    guest.run("kill writer")
    wait_for_end(guest, "writer")
    assert sql(guest, "/home/cut.db", "select count(*) from t; pragma integrity_check;") == ["1", "ok"]


def test_locks_between_processes(guest):
    sql(guest, "/home/lock.db", "create table t(a); insert into t values(1);")
    guest.run('start sqlite3 holder -cmd ".timeout 60000" /home/lock.db "begin exclusive; insert into t values(2); with recursive c(x) as '
              '(select 1 union all select x+1 from c where x < 20000000) select count(*) from c; commit;"')
    assert "locked" in until_it_fails(guest, 'run sqlite3 /home/lock.db "begin exclusive; rollback;"')
    guest.run("kill holder")  # and its transaction with it
    wait_for_end(guest, "holder")
    assert sql(guest, "/home/lock.db", "insert into t values(4); select group_concat(a) from t;") == ["1,4"]


def test_a_hundred_transactions_while_servers_are_killed(guest):
    sql(guest, "/home/kill.db", "create table t(a integer primary key, b);")
    script(guest, "/home/kill.sql", "100:'insert into t values(' .. i .. ', hex(randomblob(200)));'")
    kills = run_with_kills(guest, "writer", 'sqlite3 -bail /home/kill.db ".read /home/kill.sql"', ("file", "cache", "disk"))
    assert kills > 0
    assert sql(guest, "/home/kill.db", "select count(*), sum(a), sum(length(b)) from t; pragma integrity_check;") \
        == ["100|5050|40000", "ok"]
    assert_healthy(guest)
