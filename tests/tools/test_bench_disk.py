"""The bench of the disk: what it makes of the outputs of its guests."""

import itertools

import pytest
from antlib import bench_disk

FOUND = ("seq.read.4096", "rand.write.4096")


class Guests:
    """In place of virtual machines: each boot prints numbers of its own."""

    def __init__(self, monkeypatch):
        self.boots, self.numbers = [], itertools.count(100)
        monkeypatch.setattr(bench_disk, "image", lambda folder: folder / "disk.img")
        monkeypatch.setattr(bench_disk.disk, "copy", lambda source, target: target)
        monkeypatch.setattr(bench_disk.bench_guest, "output_of", lambda options, name, *_: self.boot("ant", name))
        monkeypatch.setattr(bench_disk.linux_peer, "get", lambda: None)
        monkeypatch.setattr(bench_disk.linux_peer, "initramfs", lambda linux, path, *_: path)
        monkeypatch.setattr(bench_disk.linux_peer, "boot", lambda linux, archive, name, **_: self.boot("linux", name))

    def boot(self, system: str, name: str) -> str:
        self.boots.append((system, name))
        number = next(self.numbers)
        return "".join(f"figure id={found}.{quantity} unit={unit} n=1 value={number}.5\n" for found in FOUND
                       for quantity, unit in (("mb_per_s", "MB/s"), ("kinsn_per_mb", "kinsn/MB")))


@pytest.fixture(name="guests")
def fake_guests(monkeypatch):
    return Guests(monkeypatch)


def test_systems_in_turn(guests):
    bench_disk.measure(2, True, 10)
    ata = [("ant", "bench-disk-pc-tcg"), ("linux", "bench-disk-pc-tcg-linux")] * 2 + [
        ("ant", "bench-disk-pc-icount"), ("linux", "bench-disk-pc-icount-linux")]
    assert guests.boots == ata + [(system, name.replace("-pc-", "-q35-")) for system, name in ata]


def test_figures(guests):
    figures = bench_disk.measure(2, True, 10).figures
    assert [figure.id for figure in figures] == [
        f"{system}.{controller}.{found}.{quantity}" for system in ("disk", "disk.linux") for controller in ("ata", "ahci")
        for quantity in ("mb_per_s", "kinsn_per_mb") for found in FOUND]
    values = {figure.id: figure for figure in figures}
    speed = values["disk.ata.seq.read.4096.mb_per_s"]
    assert (speed.value, speed.unit, speed.n, speed.spread["max"]) == (100.5, "MB/s", 2, 102.5)
    instructions = values["disk.linux.ahci.rand.write.4096.kinsn_per_mb"]
    assert (instructions.value, instructions.unit, instructions.n) == (111.5, "kinsn/MB", 1)


def test_without_the_peer(guests):
    result = bench_disk.measure(1, False, 10)
    assert len(guests.boots) == 4 and not any("linux" in figure.id for figure in result.figures)
    assert any("median of 3 runs" in note for note in result.notes) and not any(note.startswith("linux") for note in result.notes)
