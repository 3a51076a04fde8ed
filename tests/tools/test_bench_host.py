"""Network benches whose other end is on the host: which systems are measured, and what their figures are called."""

import contextlib

import pytest
from antlib import bench_host
from antlib.bench_output import Result


class Peer:
    port = 1

    def __init__(self, speed: float):
        self.samples = {"throughput.send.mb_per_s": [speed]}


@pytest.fixture(name="speeds")
def fake_systems(monkeypatch):
    """In place of virtual machines: the speed of each."""
    measured = []

    @contextlib.contextmanager
    def wire():
        peer = Peer(0)
        measured.append(peer)
        yield "netdev", peer

    def system(speed: float):
        def run(*_arguments) -> str:
            measured[-1].samples = {"throughput.send.mb_per_s": [speed]}
            return ""
        return run

    monkeypatch.setattr(bench_host, "wire", wire)
    monkeypatch.setattr(bench_host, "instructions", lambda *_: [])
    for name, speed in (("ant", 90.0), ("ant_classic", 60.0), ("linux", 120.0)):
        monkeypatch.setattr(bench_host, name, system(speed))

    def measure(with_linux: bool) -> dict[str, float]:
        result = bench_host.measure("throughput", Result("throughput", "abc", "icount", [], []), with_linux, 10)
        assert all(figure.n == bench_host.ROUNDS for figure in result.figures if figure.unit == "MB/s")
        return {figure.id: figure.value for figure in result.figures}

    return measure


def test_both_modes_and_the_peer(speeds):
    assert speeds(True) == {"throughput.send.mb_per_s": 90.0, "throughput.classic.send.mb_per_s": 60.0,
                            "linux.throughput.send.mb_per_s": 120.0, "throughput.send.ratio_to_linux": 0.75}


def test_without_the_peer(speeds):
    assert speeds(False) == {"throughput.send.mb_per_s": 90.0, "throughput.classic.send.mb_per_s": 60.0}
