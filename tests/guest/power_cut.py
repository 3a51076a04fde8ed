"""Power cuts: QEMU is killed while a program commits, and of what the disk had not been told to make certain, anything may be gone.

QEMU's `blklogwrites` notes each write and flush in a log (the format of Linux's dm-log-writes). The disk after the cut is made
from it: everything up to the last flush, and of the writes after that a random choice, some of them torn between two
sectors, as a drive with a cache of its own may leave them. Killing QEMU alone would lose nothing: the host has its writes."""

import random
import re
import struct
import time
from pathlib import Path

from harness import Machine, disks

SECTOR = 512
FLUSH, FUA, DISCARD = 1, 2, 4


def log_entries(log: Path):
    """(offset, data, flags) of each entry: sector size, header of one sector, data."""
    with open(log, "rb") as file:
        magic, version, _, sector = struct.unpack("<QQQI", file.read(28))
        assert magic == 0x6A736677736872 and version == 1 and sector == SECTOR
        file.seek(SECTOR)
        while len(head := file.read(SECTOR)) == SECTOR:
            first, count, flags, _ = struct.unpack_from("<QQQQ", head)
            if count == 0 and flags == 0:
                return  # was being written
            data = b"" if flags & DISCARD else file.read(count * SECTOR)
            if len(data) != (0 if flags & DISCARD else count * SECTOR):
                return
            yield first * SECTOR, data, flags


def disk_after_cut(before: Path, log: Path, after: Path, source: random.Random) -> tuple[int, int]:
    """-> writes that were certain, and those after the last flush"""
    disks.copy(before, after)
    entries = list(log_entries(log))
    last_flush = max((number for number, entry in enumerate(entries) if entry[2] & FLUSH), default=-1)
    with open(after, "r+b") as file:
        for number, (offset, data, flags) in enumerate(entries):
            certain = number <= last_flush or flags & FUA
            choice = 1.0 if certain else source.choice((0.0, 1.0, 0.5))
            for at in range(0, len(data), SECTOR):
                if choice == 1.0 or (choice == 0.5 and source.random() < 0.5):
                    file.seek(offset + at)
                    file.write(data[at:at + SECTOR])
    return last_flush + 1, len(entries) - last_flush - 1


def logged(image: Path, log: Path) -> str:
    log.write_bytes(b"")
    return (f"driver=blklogwrites,file.driver=file,file.filename={image},log.driver=file,log.filename={log},"
            f"log-sector-size={SECTOR},log-super-update-interval=1")


SCRIPT = "pragma synchronous=extra;\n" + "".join(
    f"insert into t(x) values(hex(randomblob({100 + number * 37 % 3000}))); select 'done ' || max(i) from t;\n"
    for number in range(3000))


def prepared(folder: Path) -> Path:
    image = disks.copy(disks.template(), folder / "before.img")
    (folder / "load.sql").write_text(SCRIPT)
    disks.put(image, {"/home/load.sql": folder / "load.sql"})
    return image


def only_recovers(image: Path) -> None:
    """e2fsck has nothing to do but to replay the journal and to free what was deleted while open."""
    text = disks.tool("e2fsck", "-p", str(image), codes=(0, 1)).stdout
    for line in text.splitlines():
        assert re.search(r"recovering journal|[Cc]learing orphaned inode|Setting free|clean|files \(|^$|files, ", line), text
    clean, text = disks.check(image)
    assert clean, text


def cut(folder: Path, before: Path, seed: int, machine: str) -> Path:
    """One cut, and what is there afterwards. -> the disk, to go on with"""
    source = random.Random(seed)
    working, log, after = folder / "working.img", folder / "log", folder / f"after-{seed}.img"
    disks.copy(before, working)
    with Machine(f"power-cut-{seed}", disk=False, machine=machine, disks=[logged(working, log)], memory=128) as guest:
        guest.run('run sqlite3 -batch -init /dev/null /home/cut.db "create table if not exists t(i integer primary key, x);"')
        guest.console.send('run sqlite3 -batch -init /dev/null /home/cut.db ".read /home/load.sql"\n')
        guest.console.expect(r"^done \d+$", 60)
        time.sleep(source.random() * 4)
        guest.process.kill()
        guest.process.wait()
        guest.console.drain(5)
        confirmed = int(re.findall(r"^done (\d+)$", guest.console.transcript, re.MULTILINE)[-1])
    certain, uncertain = disk_after_cut(before, log, after, source)
    print(f"seed {seed}: {confirmed} confirmed, {certain} writes certain, {uncertain} not")

    for_host = disks.copy(after, folder / "host.img")
    only_recovers(for_host)
    with Machine(f"power-cut-{seed}-after", disk=after, machine=machine, memory=128) as guest:
        output = guest.run('run sqlite3 -batch -init /dev/null /home/cut.db "pragma integrity_check; select \'rows \' || max(i) from t;"')
        rows = int(re.search(r"^rows (\d+)", output, re.MULTILINE)[1])
        assert re.search(r"^ok$", output, re.MULTILINE), output
        assert rows >= confirmed, f"{confirmed} rows were confirmed, {rows} are there"
        assert guest.power_off() == 0
    clean, text = disks.check(after)
    assert clean, text
    return after
