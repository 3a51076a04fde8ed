"""Servers that wait for one another's answers are replaced in one transaction while they work: the file server calls the cache, and
the cache its disk."""

import re

import pytest

from disk_programs import alive, wait_for_end
from harness import Machine, assert_healthy
from replacing import replace

SQL = "run sqlite3 -batch -init /dev/null /home/load.db"
TIMES = 10


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("replace-together", disk=True, memory=128) as machine:
        machine.wait_for_network()
        machine.run(f'{SQL} "create table t(i integer primary key, x);"')
        machine.run("run lua -e \"local f = io.open('/home/load.sql', 'w') for i = 1, 2000 do "
                    "f:write('insert into t(x) values(hex(randomblob(700)));') "
                    "if i == 1 then f:write('select 9*111;') end end f:close()\"")
        yield machine


@pytest.mark.parametrize("servers", ["file cache disk", "disk file", "cache inet rtl8139 file=file@2", "file=file cache"])
def test_under_commits(guest, servers):
    """None fails, and nothing that was committed is lost."""
    guest.run('start sqlite3 writer -batch -init /dev/null /home/load.db ".read /home/load.sql"')
    guest.console.expect("^999$")  # the first row is committed
    for _ in range(TIMES):
        rows = replace(guest, servers)
        assert [row["name"] for row in rows] == [re.sub("=.*", "", name) for name in servers.split()]
        assert alive(guest, "writer"), "the load was over before the replacements were"
    guest.run("kill writer")
    wait_for_end(guest, "writer")
    assert guest.run(f'{SQL} "pragma integrity_check; select count(*) = max(i) from t;"').split() == ["ok", "1"]
    assert_healthy(guest)
