"""Lua as Debian has it, from the disk: its files, its clock, and that it computes."""

import re

import pytest

from disk_programs import run_with_kills
from harness import Machine


@pytest.fixture(scope="module", name="guest")
def running_guest():
    with Machine("lua", disk=True, memory=128, extra=["-rtc", "base=2027-03-04T05:06:07"]) as machine:
        machine.wait_for_network()  # the web server has said what it has to say
        yield machine


def lua(guest, program: str) -> str:
    assert '"' not in program
    return guest.run(f'run lua -e "{program}"')


def test_files(guest):
    program = """f = assert(io.open('/home/poem', 'w'))
        for i = 1, 1000 do f:write('line ', i, '\\\\n') end f:close()
        n = 0 for l in io.lines('/home/poem') do n = n + 1 assert(l == 'line ' .. n) end print(n)
        f = io.open('/home/poem', 'r+') print(f:seek('end')) f:seek('set', 5) f:write('X') f:seek('set') print(f:read()) f:close()
        f = io.open('/home/poem', 'a') f:write('last') f:close()
        f = io.open('/home/poem', 'rb') s = f:read('a') f:close() print(#s, s:sub(-4))
        print(os.rename('/home/poem', '/home/verse'), io.open('/home/poem')) print(os.remove('/home/verse'))"""
    lines = lua(guest, " ".join(program.split())).splitlines()
    assert lines == ["1000", "8893", "line X", "8897\tlast",
                     "true\tnil\t/home/poem: No such file or directory\t2", "true"]


def test_a_script_from_the_disk(guest):
    guest.run("put /home/script.lua \"print(('%d %s'):format(#arg, arg[1]))\"")
    assert guest.run("run lua /home/script.lua word") == "1 word\n"


def test_time_of_day(guest):
    assert re.match(r"2027-03-04 05:", lua(guest, "print(os.date('!%Y-%m-%d %H:%M:%S', os.time()))"))
    guest.run("put /home/stamp x")
    assert "2027-03-04 05:" in guest.run("ls -l /home/stamp")


def test_computing(guest):
    """Sieve, sort, closures and strings, with numbers that are known."""
    program = """local n, s = 0, {} for i = 2, 50000 do if not s[i] then n = n + 1 for j = i * i, 50000, i do s[j] = true end end end
        local t, x = {}, 42 for i = 1, 20000 do x = x * 1103515245 + 12345 & 0x7fffffff t[i] = x end table.sort(t)
        local good = true for i = 2, #t do good = good and t[i - 1] <= t[i] end
        local sum = 0.0 for i = 1, 100000 do sum = sum + 1 / i end
        print(n, good, string.format('%.6f', sum), select(2, ('a b c'):rep(1000):gsub('%w', '%0%0')))"""
    assert lua(guest, " ".join(program.split())) == "5133\ttrue\t12.090146\t3000\n"


def test_depth(guest):
    """200 calls through C, the most that Lua allows, fit on the stack."""
    program = """function f(n) return n == 0 and 'x' or (string.gsub('a', 'a', function() return f(n - 1) end)) end
        print(pcall(f, 180)) print(select(2, pcall(f, 250)):match('C stack overflow'))"""
    assert lua(guest, " ".join(program.split())) == "true\tx\nC stack overflow\n"


def test_memory(guest):
    """Tens of MiB, and an error instead of an end when there is no more."""
    assert lua(guest, "local t = {} for i = 1, 300000 do t[i] = 's' .. i end print(#t, collectgarbage('count') > 20000)") \
        == "300000\ttrue\n"
    output, status = guest.command("run lua -e \"print(#string.rep('x', 100000000))\"")
    assert status == 1 and "not enough memory" in output


def test_each_change_of_a_name_is_done_once(guest):
    """Files come, are renamed and go while the servers under them are killed; whatever is done twice or not at all is an error."""
    guest.run("mkdir /home/names")
    program = """for i = 1, 150 do local new, name = '/home/names/new' .. i, '/home/names/name' .. i % 10
        local f = assert(io.open(new, 'w')) assert(f:write(i)) assert(f:close()) assert(os.rename(new, name)) assert(not io.open(new))
        f = assert(io.open(name)) assert(f:read('n') == i) f:close() f = assert(io.open('/home/names/log', 'a'))
        assert(f:write(i, ' ')) assert(f:close()) if i % 3 == 0 then assert(os.remove(name)) end end
        assert(io.open('/home/names/done', 'w'))"""
    assert run_with_kills(guest, "namer", f'lua -e "{" ".join(program.split())}"', ("file", "cache", "disk")) > 0
    expected = {f"name{i % 10}" for i in range(141, 151) if i % 3 != 0} | {"done", "log"}
    assert {row["name"] for row in guest.json("ls /home/names")} == expected
    assert guest.run("cat /home/names/log").split() == [str(i) for i in range(1, 151)]
