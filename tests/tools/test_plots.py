"""What the plots show of the figures of a bench."""

from antlib import bench_output, bench_plots, plots
from antlib.bench_output import Figure, Result
from antlib.plots import Bars, Columns

STEPS = {"request": 300, "inet": 600, "tcp": 700, "driver_request": 2000, "driver": 400, "doorbell": 4000, "return": 1500, "total": 5500}


def figure(name: str, value: float) -> Figure:
    return Figure(name, value, "instructions", 1, dict.fromkeys(bench_output.SPREAD, value), {})


def test_a_send_as_in_the_paper(tmp_path):
    figures = [figure(f"send.{size}.{step}", value + size) for size in (256, 1024) for step, value in STEPS.items()]
    panels = bench_plots.panels(Result("send", "abc123", "icount", [*figures, figure("linux.send.256.total", 7500)], []))
    ours = [panel for panel in panels if isinstance(panel, Columns) and "abc123" in panel.title]
    assert [list(panel.parts) for panel in ours] == [["request", "driver_request", "return"], ["inet", "tcp", "driver"]]
    assert ours[0].parts["return"] == [1756, 2524]
    assert sum("Celeron" in panel.title for panel in panels) == 3
    assert [curve.name for curve in panels[-1].curves] == ["AnT", "Linux"]
    plots.draw(tmp_path / "send.svg", panels)
    assert "driver_request" in (tmp_path / "send.svg").read_text(encoding="utf-8")


def test_the_number_behind_a_bar_is_in_full(tmp_path):
    plots.draw(tmp_path / "bars.svg", [Bars("boot", "ns", [("whole", 6_045_442_044, 6_045_442_044, 6_045_442_044), ("part", 0.5, 0, 1)])])
    drawn = (tmp_path / "bars.svg").read_text(encoding="utf-8")
    assert "6,045,442,044" in drawn and ">0.5<" in drawn
