"""What the plot of each bench shows: from a result to panels. A bench without a function here gets bars."""

from antlib import papers
from antlib.bench_output import Figure, Result
from antlib.plots import Bars, Columns, Curve, Curves, Panel


def panels(result: Result) -> list[Panel]:
    wanted = PANELS.get(result.name, lambda _: [])(result)
    return wanted or bars(result)


def bars(result: Result) -> list[Panel]:
    """All figures, those of one unit together."""
    units = list(dict.fromkeys(figure.unit for figure in result.figures))
    return [Bars(f"{result.name} ({result.mode}, {result.commit})", unit,
                 [(figure.id, figure.value, figure.spread["min"], figure.spread["max"])
                  for figure in result.figures if figure.unit == unit]) for unit in units]


def by_id(result: Result) -> dict[str, Figure]:
    return {figure.id: figure for figure in result.figures}


def resilience(result: Result) -> list[Panel]:
    """Throughput over the time between two kills, and dashed what it is without."""
    curves, without = {}, {}
    for figure in result.figures:
        _, server, direction, *rest = figure.id.split(".")
        if rest == ["throughput"]:
            without[direction] = figure.value / 1000
        elif rest[-1] == "throughput":
            curves.setdefault(f"{server} {direction}", []).append((int(rest[0].removesuffix("ms")), figure.value / 1000))
    shown = [Curve(name, sorted(points)) for name, points in curves.items()]
    shown += [Curve(f"{direction}, no kills", [(8, value), (1250, value)], "lines", dashed=True)
              for direction, value in without.items()]
    return [Curves(f"resilience ({result.mode}, {result.commit})", "time between two kills, ms", "throughput, MB/s", shown,
                   log="x", x_range="8:1250")]


def send(result: Result) -> list[Panel]:
    """P-tcp figures 7 and 8: the steps of a send over the number of bytes; beside ours the paper's."""
    figures = [figure for figure in result.figures if figure.id.startswith("send.")]
    sizes = sorted({int(figure.id.split(".")[1]) for figure in figures})
    values = {figure.id: figure.value for figure in figures}
    theirs = {step: list(times) for step, times in papers.SEND_STEPS["AnT"].items() if step != "total"}
    # Theirs first, so that a step has one colour in both.
    steps = [step for step in dict.fromkeys([*theirs, *(figure.id.split(".", 2)[2] for figure in figures)]) if step != "total"]
    ours = {step: [values.get(f"send.{size}.{step}", 0) for size in sizes] for step in steps}
    if not any(map(any, ours.values())):
        return []
    unit = figures[0].unit
    axis = "bytes sent"
    return [Columns(f"send ({result.mode}, {result.commit})", f"{unit} by step", [str(size) for size in sizes], ours, axis),
            Columns("P-tcp, table 3, AnT on a Celeron D, 2.8 GHz", "us by step", [str(size) for size in papers.SEND_SIZES], theirs, axis)]


def rtt(result: Result) -> list[Panel]:
    """P-tcp figure 9: round-trip time over the number of bytes sent."""
    shown = {}
    for figure in result.figures:
        name, _, rest = figure.id.partition("rtt.")
        size, _, quantity = rest.partition(".")
        if size.isdigit():
            shown.setdefault((quantity, figure.unit), {}).setdefault(name.rstrip(".") or "ours", []).append((int(size), figure.value))
    return [Curves(f"rtt ({result.mode}, {result.commit}): N bytes there, 1 byte back", "bytes sent", unit,
                   [Curve(name, sorted(points)) for name, points in curves.items()], x_range="0:*")
            for (_, unit), curves in shown.items()]


PANELS = {"resilience": resilience, "send": send, "rtt": rtt}
