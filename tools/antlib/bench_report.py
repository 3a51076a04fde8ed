"""`tools/ant bench --report`: a page of all results in build/bench/, with plots, beside what the papers and other systems took."""

import html
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antlib import bench_output, bench_plots, plots
from antlib.bench_output import Figure, Result, grouped
from antlib.paths import ROOT
from antlib.progress import Failure
from antlib.targets import TARGETS

PAGE = ROOT / "docs/results"
PEER = "linux"
FOLDED = 40  # a longer table is closed at first
# Of figures of a peer whose ids are not ours: what they compare with.
PAIRS = {
    "ipc.sync.null": ("ipc.pipe.null", "ipc.unix.null", "ipc.futex.null"),
    "ipc.sync.params64": ("ipc.pipe.64", "ipc.unix.64"),
    **{f"ipc.sync.move.{size}": (f"ipc.pipe.{size}", f"ipc.unix.{size}")
       for size in (64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 2097152)},
    **{f"nic.memory.{what}": (f"nic.module.{what}",) for what in ("total", "added", "compute", "send")},
}
HIGHER_IS_BETTER = ("mb_per_s", "MB/s", "KB/s", "kb_per_s", "packets/s", "percent")
NOTES = """\
- *Emulator.* All figures are of QEMU's emulation, none of hardware. `icount`: one instruction takes one nanosecond (or as many as a
  note says), so the same build gives the same figures on any machine. `tcg`: plain emulation by the host's clock; such
  figures compare only with those of the same run.
- *What an instruction count does not show:* caches, TLBs, branch prediction, and that loading CR3, INVLPG, a write to an
  MSR or an access to a device takes as long as hundreds of other instructions. Those are counted beside it (column "counts", per run).
- *The papers' figures* are from hardware of their years, in the units of the paper, each with its machine. They show what was large and what
  small for the authors; they are not to be divided by ours.
- *Linux* is Debian's kernel in the same QEMU with the same count. It does more than AnT does: more than one CPU, users, virtual memory
  with paging, many devices.
"""


@dataclass(frozen=True)
class Comparison:
    figure: Figure
    peer: Figure

    @property
    def ratio(self) -> float:
        """How many times better ours is."""
        better, worse = (self.figure.value, self.peer.value) if higher_is_better(self.figure) else (self.peer.value, self.figure.value)
        return better / worse


def higher_is_better(figure: Figure) -> bool:
    return any(figure.unit.endswith(unit) or figure.id.endswith(unit) for unit in HIGHER_IS_BETTER)


def write(results: Path, benches: Mapping[str, object]) -> Path:
    """`benches`: those that there are, in the order of the page; what has a text says what it measures."""
    found = {path.stem: bench_output.from_json(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))}
    if not found:
        raise Failure(f"There are no results in {results}: `tools/ant bench` makes them.")
    order = [*(name for name in benches if name in found), *(name for name in found if name not in benches)]
    shutil.rmtree(PAGE, ignore_errors=True)
    PAGE.mkdir(parents=True)
    for name in order:
        plots.draw(PAGE / f"{name}.svg", bench_plots.panels(found[name]))
        bench_output.write_csv(found[name], PAGE / f"{name}.csv")
    missing = [name for name in benches if name not in found]
    page = PAGE / "README.md"
    page.write_text(text_of([found[name] for name in order], benches, missing), encoding="utf-8")
    return page


def text_of(results: list[Result], benches: Mapping[str, object], missing: list[str]) -> str:
    parts = ["# Results", "Made by `tools/ant bench --report` from what `tools/ant bench` has measured; not to be edited. How it is measured: "
             "[measuring](../measuring.md).", NOTES]
    parts.append("Commits: " + ", ".join(f"`{commit}`" for commit in dict.fromkeys(result.commit for result in results)) + ".")
    parts += [f"Machine: {html.escape(machine)}." for machine in dict.fromkeys(result.machine for result in results) if machine]
    parts.append("`tools/ant bench --peer linux`, then `tools/ant bench --report`, makes this page anew"
                 + (f", in {minutes} minutes on that machine." if (minutes := round(sum(result.seconds for result in results) / 60)) else "."))
    if missing:
        parts.append(f"Not measured here: {', '.join(missing)}.")
    parts += target_text({figure.id: figure for result in results for figure in result.figures})
    parts += comparison_text([pair for result in results for pair in comparisons(result)])
    parts += [section(result, benches.get(result.name)) for result in results]
    return "\n\n".join(part.strip() for part in parts) + "\n"


# Targets ------------------------------------------------------------------------------------------------------


def target_text(figures: dict[str, Figure]) -> list[str]:
    """Missed ones first. Why, and what it would take: docs/performance.md."""
    known = sorted((target.met(figures[target.id].value), number, target) for number, target in enumerate(TARGETS) if target.id in figures)
    if not known:
        return []
    rows = [(f"`{target.id}`", grouped(figures[target.id].value), figures[target.id].unit, target.text(), "yes" if met else "**no**",
             ", ".join(filter(None, [target.others, peers_text(target.id, figures)]))) for met, _, target in known]
    missed = sum(not met for met, *_ in known)
    return ["## Targets", f"{len(known)} figures that have one; {missed} miss it: [performance](../performance.md) says why, and what it would take. NOVA and seL4 "
            "were counted once, by hand, in the same emulator and mode.",
            markdown_table(("figure", "AnT", "unit", "target", "met", "others"), rows, right=(1,))]


def peers_text(figure_id: str, figures: dict[str, Figure]) -> str:
    return ", ".join(f"Linux {grouped(figures[peer].value)}{f' ({peer})' if peer != f'{PEER}.{figure_id}' else ''}"
                     for peer in peer_ids(figure_id) if peer in figures)


# Beside a peer ------------------------------------------------------------------------------------------------


def peer_ids(figure_id: str) -> list[str]:
    """Where a peer's figure for the same may stand: `linux.send.256.total`, or `disk.linux.ata...`."""
    first, _, rest = figure_id.partition(".")
    return [f"{PEER}.{figure_id}", f"{first}.{PEER}.{rest}", *(f"{PEER}.{other}" for other in PAIRS.get(figure_id, ()))]


def comparisons(result: Result) -> list[Comparison]:
    figures = {figure.id: figure for figure in result.figures}
    return [Comparison(figure, figures[peer]) for figure in result.figures for peer in peer_ids(figure.id)
            if peer in figures and figure.value and figures[peer].value and figure.unit == figures[peer].unit]


def comparison_text(pairs: list[Comparison]) -> list[str]:
    if not pairs:
        return []
    lost = [pair for pair in pairs if pair.ratio < 1]
    parts = ["## Beside Linux", f"{len(pairs)} figures, of which Linux is better in {len(lost)}."]
    if lost:
        parts += ["Where Linux is better:", comparison_table(lost)]
    return [*parts, "Where it is not:", comparison_table([pair for pair in pairs if pair.ratio >= 1])]


def comparison_table(pairs: list[Comparison]) -> str:
    rows = [(f"`{pair.figure.id}`", f"`{pair.peer.id}`", pair.figure.unit, grouped(pair.figure.value), grouped(pair.peer.value),
             f"{pair.ratio:.2f}") for pair in sorted(pairs, key=lambda pair: pair.ratio)]
    return markdown_table(("figure", "Linux's", "unit", "AnT", "Linux", "times better"), rows, right=(3, 4, 5))


# One bench ----------------------------------------------------------------------------------------------------


def section(result: Result, bench) -> str:
    peered = any(PEER in figure.id.split(".")[:2] for figure in result.figures)
    command = f"tools/ant bench {result.name}" if bench is not None else f"tools/ant {result.name}"
    table = markdown_table(bench_output.HEADINGS, [cells(row) for row in bench_output.table(result)], right=(1, 3, 4, 5, 6))
    if len(result.figures) > FOLDED:
        table = f"<details><summary>{len(result.figures)} figures</summary>\n\n{table}\n\n</details>"
    text = getattr(bench, "text", "")
    notes = "\n".join(f"- {html.escape(note, quote=False)}" for note in [*result.notes, *bench_output.machines(result)])
    return "\n\n".join(filter(None, [
        f"## {result.name}", text[:1].upper() + text[1:] + "." if text else "",
        f"`{command}{' --peer linux' if peered else ''}`, mode {result.mode}, commit `{result.commit}`; [CSV]({result.name}.csv)",
        f"![{result.name}]({result.name}.svg)", table, notes]))


def cells(row: tuple[str, ...]) -> tuple[str, ...]:
    return (f"`{row[0]}`", *row[1:])


def markdown_table(headings: tuple[str, ...], rows: list[tuple[str, ...]], right: tuple[int, ...]) -> str:
    """Without columns in which nothing stands."""
    shown = [n for n in range(len(headings)) if any(row[n] for row in rows)] or list(range(len(headings)))
    lines = [[headings[n] for n in shown], ["--:" if n in right else "---" for n in shown]]
    lines += [[row[n].replace("|", "\\|") for n in shown] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
