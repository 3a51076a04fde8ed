"""A checksum reader and SQLite at work while the servers of the disk path are killed and replaced, by the guest's clock.

The machine runs in the instruction-exact mode: an interval is as many instructions on a busy host as on an idle one."""

import random
import re
import zlib
from pathlib import Path

from harness import Machine, assert_healthy, disks
from disk_programs import wait_for_end

SQL = "run sqlite3 -batch -init /dev/null /home/load.db"
TIMEOUT = 3600


def image_with_file(path: Path, mib: int) -> tuple[Path, int]:
    """A disk with a large file, and a script of transactions for SQLite. -> its sum"""
    contents = path.parent / "contents"
    contents.mkdir()
    disks.contents(contents)
    source, crc = random.Random(mib), 0
    with open(contents / "home/big", "wb") as file:
        for _ in range(mib):
            piece = source.randbytes(1 << 20)
            crc = zlib.crc32(piece, crc)
            file.write(piece)
    (contents / "home/load.sql").write_text("".join(
        f"insert into t(x) values(hex(randomblob({100 + number * 37 % 3000}))); select 'done ' || max(i) from t;\n"
        for number in range(100_000)))  # more than can be done meanwhile
    return disks.make(path, mib + 256, contents), crc


def last_confirmed(text: str) -> int:
    """The last number of the row 1, 2, 3 ...; what others print may stand in front of it or behind."""
    confirmed = 0
    for number in re.findall(r"done (\d+)", text):
        if number.startswith(str(confirmed + 1)):
            confirmed += 1
    return confirmed


def disturbed(name: str, image: Path, crc: int, mib: int, way: str, interval_ms: int, servers: tuple[str, ...], machine: str = "pc") -> None:
    """Reads the file and commits as long as that takes; what was confirmed is there, and the host finds the file system in order."""
    seed = random.SystemRandom().randrange(1 << 20)
    with Machine(f"disk-path-{name}", disk=image, machine=machine, memory=128, icount=True, idle_waits=True) as guest:
        guest.run(f'{SQL} "drop table if exists t; create table t(i integer primary key, x);"')
        guest.run('start sqlite3 writer -batch -init /dev/null /home/load.db ".read /home/load.sql"')
        guest.run("start file-sum reader /home/big")
        output = guest.run(f"run disrupt {way} {interval_ms} reader {seed} {' '.join(servers)}", timeout=TIMEOUT)
        done = {key: int(value) for key, value in re.findall(r"(killed|replaced|crashed|refused)=(\d+)", output)}
        guest.run("kill writer")
        wait_for_end(guest, "writer")
        text = guest.console.transcript
        confirmed = last_confirmed(text)
        print(f"{name}: seed {seed}, {done}, {confirmed} transactions")
        assert re.search(rf"sum={crc:08x} bytes={mib << 20}(?!\d)", text), re.findall(r"sum=.*|file-sum:.*", text)
        rows = guest.run(f'{SQL} "pragma integrity_check; select count(*), max(i) from t;"').split()
        assert rows[0] == "ok" and confirmed > 0
        count, last = map(int, rows[1].split("|"))
        assert count == last and confirmed <= count <= confirmed + 1, f"{confirmed} confirmed, {count} there, the last one {last}"
        assert sum(done.values()) - done["refused"] > 0
        assert_healthy(guest)
        assert guest.power_off() == 0
    clean, report = disks.check(image)
    assert clean, report
