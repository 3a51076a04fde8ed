"""Result files of a bench: JSON and CSV; and its table. What the papers print stands beside our figures."""

import csv
import json
import re
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from antlib import papers, qemu

SPREAD = ("min", "p50", "p99", "max")


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
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # what a plot shows beside figures: points by name
    machine: str = ""  # that the emulator ran on: of interest where its clock counts
    seconds: int = 0  # that the bench took


def as_json(result: Result) -> dict:
    figures = [{"id": figure.id, "value": figure.value, "unit": figure.unit, "n": figure.n, **figure.spread,
                "counts": figure.counts} for figure in result.figures]
    printed = [asdict(entry) for figure in result.figures for entry in papers.beside(figure.id)]
    return {"name": result.name, "commit": result.commit, "mode": result.mode, "figures": figures, "notes": result.notes,
            "papers": printed, "machine": result.machine, "seconds": result.seconds,
            **({"series": result.series} if result.series else {})}


def from_json(text: str) -> Result:
    data = json.loads(text)
    figures = [Figure(row["id"], row["value"], row["unit"], row["n"], {key: row[key] for key in SPREAD}, row["counts"])
               for row in data["figures"]]
    series = {name: [tuple(point) for point in points] for name, points in data.get("series", {}).items()}
    return Result(data["name"], data["commit"], data["mode"], figures, data["notes"], series, data.get("machine", ""), data.get("seconds", 0))


def write(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / result.name
    base.with_suffix(".json").write_text(json.dumps(as_json(result), indent=1) + "\n", encoding="utf-8")
    write_csv(result, base.with_suffix(".csv"))


def write_csv(result: Result, path: Path) -> None:
    columns = sorted({key for figure in result.figures for key in figure.counts})
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "value", "unit", "n", *SPREAD, *columns, "papers"])
        for figure in result.figures:
            writer.writerow([figure.id, figure.value, figure.unit, figure.n, *(figure.spread[key] for key in SPREAD),
                             *(figure.counts.get(key, "") for key in columns), beside(figure)])


def this_machine() -> str:
    """The emulator, and what it runs on."""
    version = subprocess.run([qemu.QEMU, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return f"{version}; host: {len(names)} x {names[0] if names else 'CPU of unknown name'}"


def beside(figure: Figure) -> str:
    return "; ".join(f"{entry.text()} ({entry.place})" for entry in papers.beside(figure.id))


def machines(result: Result) -> list[str]:
    """Those on which the papers' figures in this result were taken."""
    found = {entry.place.split()[0]: entry.machine for figure in result.figures for entry in papers.beside(figure.id)}
    return [f"{paper}: {machine}" for paper, machine in found.items()]


HEADINGS = ("figure", "value", "unit", "n", "min", "p99", "max", "counts", "papers")
LEFT = (0, 2, 7, 8)  # columns of text


def table(result: Result) -> list[tuple[str, ...]]:
    """The rows below HEADINGS."""
    rows = []
    for figure in result.figures:
        counts = " ".join(f"{key}={value:g}" for key, value in figure.counts.items())
        rows.append((figure.id, grouped(figure.value), figure.unit, str(figure.n), grouped(figure.spread["min"]),
                     grouped(figure.spread["p99"]), grouped(figure.spread["max"]), counts, beside(figure)))
    return rows


def print_table(result: Result) -> None:
    rows = [HEADINGS, *table(result)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [cell.ljust(width) if column in LEFT else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    for note in [*result.notes, *machines(result)]:
        print(f"  {note}")


def grouped(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{2 if abs(value) < 10 else 1}f}"
