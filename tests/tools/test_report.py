"""The page of all results, from files as `tools/ant bench` writes them."""

import pytest
from antlib import bench_output, bench_report
from antlib.bench_output import Figure, Result
from antlib.progress import Failure


class Bench:
    text = "calls"


def figure(name: str, value: float, unit: str = "instructions") -> Figure:
    return Figure(name, value, unit, 1, dict.fromkeys(bench_output.SPREAD, value), {"cr3": 2})


@pytest.fixture(name="page")
def report(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_report, "PAGE", tmp_path / "page")

    def make(*figures: Figure, name: str = "ipc") -> str:
        bench_output.write(Result(name, "abc123", "icount", list(figures), ["a note"]), tmp_path)
        path = bench_report.write(tmp_path, {"ipc": Bench(), "boot": Bench()})
        assert (path.parent / f"{name}.svg").stat().st_size > 0
        return path.read_text(encoding="utf-8")

    return make


def test_all_that_was_measured_and_what_was_not(page):
    text = page(figure("ipc.chain3.direct", 951))
    assert "| `ipc.chain3.direct` | 951 | instructions |" in text
    assert "AnT 103,992 clocks" in text and "Pentium 4" in text
    assert "`tools/ant bench ipc`, mode icount, commit `abc123`" in text
    assert "Not measured here: boot." in text
    assert "- a note" in text
    assert "Beside Linux" not in text


def test_where_the_other_system_is_better_stands_first(page):
    text = page(figure("ipc.a", 100), figure("linux.ipc.a", 50), figure("ipc.b", 10), figure("linux.ipc.b", 40),
                figure("ipc.c.mb_per_s", 10, "mb_per_s"), figure("linux.ipc.c.mb_per_s", 40, "mb_per_s"))
    assert "3 figures, of which Linux is better in 2." in text
    lost = text[text.index("Where Linux is better"):text.index("Where it is not")]
    assert "`ipc.a`" in lost and "`ipc.c.mb_per_s`" in lost and "`ipc.b`" not in lost
    assert "| `ipc.b` | `linux.ipc.b` | instructions | 10 | 40 | 4.00 |" in text
    assert "`tools/ant bench ipc --peer linux`" in text


def test_figures_of_another_unit_or_without_a_value_are_not_compared(page):
    text = page(figure("ipc.a", 1, "ns"), figure("linux.ipc.a", 2, "us"), figure("ipc.b", 0), figure("linux.ipc.b", 2))
    assert "Beside Linux" not in text


def test_a_long_table_is_folded(page):
    text = page(*(figure(f"ipc.{n}", n + 1) for n in range(100)))
    assert "<details><summary>100 figures</summary>" in text


def test_targets_missed_stand_first(page):
    text = page(figure("ipc.sync.null", 251), figure("ipc.sync.params64", 300), figure("throughput.send.ratio_to_linux", 1.2, "times"))
    assert "3 figures that have one; 1 miss it" in text
    table = text[text.index("## Targets"):text.index("## ipc")]
    assert "| `ipc.sync.null` | 251 | instructions | <= 250 | **no** | NOVA 283, seL4 445 |" in table
    assert "| `ipc.sync.params64` | 300 | instructions | <= 300 | yes |" in table
    assert "| `throughput.send.ratio_to_linux` | 1.20 | times | >= 1.1 | yes |" in table
    assert table.index("ipc.sync.null") < table.index("ipc.sync.params64")


def test_no_results(tmp_path):
    with pytest.raises(Failure):
        bench_report.write(tmp_path, {})
