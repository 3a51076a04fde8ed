"""Result files of a bench: JSON, CSV, a chart, and a table on the terminal."""

import csv
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from antlib.progress import Failure


@dataclass(frozen=True)
class Figure:
    id: str
    value: float
    unit: str
    n: int
    spread: dict  # min, p50, p99, max
    counts: dict  # of what costs more on hardware than one instruction


@dataclass(frozen=True)
class Result:
    name: str
    commit: str
    mode: str
    figures: list[Figure]
    notes: list[str]


def as_json(result: Result) -> dict:
    figures = [{"id": figure.id, "value": figure.value, "unit": figure.unit, "n": figure.n, **figure.spread,
                "counts": figure.counts} for figure in result.figures]
    return {"name": result.name, "commit": result.commit, "mode": result.mode, "figures": figures, "notes": result.notes}


def write(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / result.name
    base.with_suffix(".json").write_text(json.dumps(as_json(result), indent=1) + "\n", encoding="utf-8")
    write_csv(result, base.with_suffix(".csv"))
    chart = write_resilience_chart if result.name == "resilience" else write_chart
    chart(result, base.with_suffix(".svg"))


def write_csv(result: Result, path: Path) -> None:
    columns = sorted({key for figure in result.figures for key in figure.counts})
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "value", "unit", "n", "min", "p50", "p99", "max", *columns])
        for figure in result.figures:
            writer.writerow([figure.id, figure.value, figure.unit, figure.n,
                             *(figure.spread[key] for key in ("min", "p50", "p99", "max")),
                             *(figure.counts.get(key, "") for key in columns)])


def write_chart(result: Result, path: Path) -> None:
    rows = "".join(f'"{figure.id}" {figure.value} {figure.spread["min"]} {figure.spread["max"]}\n'
                   for figure in result.figures)
    units = ", ".join(sorted({figure.unit for figure in result.figures}))
    script = f"""
set terminal svg size 900,{160 + 40 * len(result.figures)} font "sans,12"
set output "{path}"
set title "{result.name} ({result.mode}, {result.commit})" noenhanced
set xlabel "{units}"
set logscale x
set style fill solid 0.6
set grid xtics
set lmargin 32
set yrange [-0.7:{len(result.figures) - 0.3}] reverse
unset key
$rows << END
{rows}END
plot $rows using 2:0:(1):2:($0-0.3):($0+0.3):ytic(1) with boxxyerror linecolor rgb "#4477aa" noenhanced, \\
     $rows using 2:0:2 with labels left offset 1,0 notitle
"""
    draw(script)


def write_resilience_chart(result: Result, path: Path) -> None:
    """Throughput over the time between two kills, and dashed what it is without."""
    curves, without = {}, {}
    for figure in result.figures:
        _, server, direction, *rest = figure.id.split(".")
        if rest == ["throughput"]:
            without[direction] = figure.value / 1000
        elif rest[-1] == "throughput":
            curves.setdefault(f"{server} {direction}", []).append((int(rest[0].removesuffix("ms")), figure.value / 1000))
    blocks = "".join(f"$curve{number} << END\n" + "".join(f"{ms} {value}\n" for ms, value in sorted(points)) + "END\n"
                     for number, points in enumerate(curves.values()))
    plots = [f'$curve{number} using 1:2 with linespoints linewidth 2 title "{name}"' for number, name in enumerate(curves)]
    plots += [f'{value} with lines dashtype 2 title "{direction}, no kills"' for direction, value in without.items()]
    draw(f"""
set terminal svg size 900,500 font "sans,12"
set output "{path}"
set title "{result.name} ({result.mode}, {result.commit})" noenhanced
set xlabel "time between two kills, ms"
set ylabel "throughput, MB/s"
set logscale x
set xrange [10:10000]
set yrange [0:*]
set grid
set key bottom right
{blocks}plot {", ".join(plots)}
""")


def draw(script: str) -> None:
    drawn = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
    if drawn.returncode != 0:
        raise Failure(f"gnuplot: {drawn.stderr}")


def print_table(result: Result) -> None:
    rows = [("figure", "value", "unit", "n", "min", "p99", "max", "counts")]
    for figure in result.figures:
        counts = " ".join(f"{key}={value:g}" for key, value in figure.counts.items())
        rows.append((figure.id, grouped(figure.value), figure.unit, str(figure.n), grouped(figure.spread["min"]),
                     grouped(figure.spread["p99"]), grouped(figure.spread["max"]), counts))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if column in (0, 2, 7) else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    for note in result.notes:
        print(f"  {note}")


def grouped(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
