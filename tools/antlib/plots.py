"""Plots of the benches: what is to be seen, and gnuplot that draws it.

A plot is a list of panels, drawn under each other into one SVG file. See docs/measuring.md.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from antlib.progress import Failure

WIDTH = 900
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#332288", "#882255", "#44aa99",
           "#ddcc77", "#999933", "#cc6677", "#88ccee")


@dataclass(frozen=True)
class Curve:
    name: str
    points: list[tuple[float, float]]
    style: str = "linespoints"  # gnuplot's: lines, points, steps ...
    dashed: bool = False  # a bound, or what somebody else measured
    colour: int | None = None  # index of COLOURS; otherwise each curve has its own


@dataclass(frozen=True)
class Curves:
    """y over x."""
    title: str
    x: str
    y: str
    curves: list[Curve]
    log: str = ""  # axes with a logarithmic scale: x, y or xy
    x_range: str = "*:*"
    y_range: str = "0:*"
    height: int = 420

    def script(self, number: int) -> str:
        blocks = "".join(block(f"$p{number}c{n}", [f"{x} {y}" for x, y in curve.points]) for n, curve in enumerate(self.curves))
        plots = [f'$p{number}c{n} using 1:2 with {curve.style} linewidth 2 {"dashtype 2 " if curve.dashed else ""}'
                 f'linecolor rgb "{COLOURS[(n if curve.colour is None else curve.colour) % len(COLOURS)]}" title {quoted(curve.name)}'
                 for n, curve in enumerate(self.curves)]
        scale = f"set logscale {self.log}\n" if self.log else ""
        return (f"{blocks}set title {quoted(self.title)}\nset xlabel {quoted(self.x)}\nset ylabel {quoted(self.y)}\n{scale}"
                f"set xrange [{self.x_range}]\nset yrange [{self.y_range}]\nset grid\nset key outside right top\n"
                f"plot {', '.join(plots)}\n")


@dataclass(frozen=True)
class Columns:
    """Columns by group, one colour a part: parts on each other (`stacked`) or beside each other."""
    title: str
    y: str
    groups: list[str]
    parts: dict[str, list[float]]  # a value for each group
    x: str = ""
    stacked: bool = True
    height: int = 420
    order: tuple[str, ...] = ()  # of all parts of several panels, in which each has one colour

    def script(self, number: int) -> str:
        rows = [" ".join([quoted(group), *(str(values[n]) for values in self.parts.values())]) for n, group in enumerate(self.groups)]
        order = self.order or tuple(self.parts)
        plots = [f'$p{number} using {n + 2}:xtic(1) linecolor rgb "{COLOURS[order.index(name) % len(COLOURS)]}" title {quoted(name)}'
                 for n, name in enumerate(self.parts)]
        return (f"{block(f'$p{number}', rows)}set title {quoted(self.title)}\nset xlabel {quoted(self.x)}\nset ylabel {quoted(self.y)}\n"
                f"set style data histograms\nset style histogram {'rowstacked' if self.stacked else 'clustered gap 1'}\n"
                f"set style fill solid 0.7 border -1\nset boxwidth 0.8\nset yrange [0:*]\nset grid ytics\n"
                f"set key outside right top invert\nplot {', '.join(plots)}\n")


@dataclass(frozen=True)
class Bars:
    """A bar for each figure, from the left, with its least and greatest value; on a logarithmic scale."""
    title: str
    x: str
    rows: list[tuple[str, float, float, float]]  # name, value, min, max
    height: int = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "height", 110 + 22 * len(self.rows))

    def script(self, number: int) -> str:
        least = min((number for _, value, low, _ in self.rows for number in (value, low) if number > 0), default=1)
        most = max((number for _, value, _, high in self.rows for number in (value, high)), default=1)
        room = max(most / least * 2, 10) ** 0.2  # for the number behind the longest
        rows = [f"{quoted(name)} {max(value, least / 2)} {max(low, least / 2)} {max(high, least / 2)} {quoted(written(value))}"
                for name, value, low, high in self.rows]
        margin = 4 + max(len(name) for name, *_ in self.rows)
        return (f"{block(f'$p{number}', rows)}set title {quoted(self.title)}\nset xlabel {quoted(self.x)}\nset logscale x\n"
                f"set style fill solid 0.6\nset grid xtics\nset lmargin {margin}\nset xrange [{least / 2}:{max(most, least) * room}]\n"
                f"set yrange [{len(self.rows) - 0.3}:-0.7]\nunset key\n"
                f'plot $p{number} using 2:0:({least / 2}):2:($0-0.3):($0+0.3):ytic(1) with boxxyerror linecolor rgb "{COLOURS[0]}", \\\n'
                f'     $p{number} using 3:0:3:4 with xerrorbars linecolor rgb "#333333" pointtype 0, \\\n'
                f"     $p{number} using 4:0:5 with labels left offset 1,0\n")


def written(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


Panel = Curves | Columns | Bars


def draw(path: Path, panels: list[Panel]) -> None:
    height = sum(panel.height for panel in panels)
    script = f'set terminal svg size {WIDTH},{height} font "sans,12" noenhanced background rgb "white"\nset output {quoted(str(path))}\n'
    script += "set multiplot\n"
    above = height
    for number, panel in enumerate(panels):
        above -= panel.height
        script += f"reset\nset size 1,{panel.height / height}\nset origin 0,{above / height}\n{panel.script(number)}"
    drawn = subprocess.run(["gnuplot"], input=script + "unset multiplot\n", text=True, capture_output=True, check=False)
    if drawn.returncode != 0:
        raise Failure(f"gnuplot: {drawn.stderr}")
    path.write_text(smaller(path.read_text(encoding="utf-8")), encoding="utf-8")


# What gnuplot writes with each element: once for all of them, or not, as it is the usual.
DEFAULTS = ' fill="none" color="black" stroke="currentColor"'
FONT = ' font-family="sans" font-size="12.00"'
USUAL = (' stroke-linecap="butt" stroke-linejoin="miter"', ' class="gridline"', ' fill="none" color="gray" stroke="currentColor"', ' stroke-width="1.00"')


def smaller(svg: str) -> str:
    """The same drawing in about half as many bytes."""
    text = re.sub(r"\s+", " ", re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)).replace("> <", "><")
    for words in (DEFAULTS, FONT, *USUAL):
        text = text.replace(words, "")
    text = text.replace('<g id="gnuplot_canvas">', f'<g id="gnuplot_canvas"{FONT}{DEFAULTS}>').replace('fill="#ffffff"/>', 'fill="#ffffff" stroke="none"/>')
    text = re.sub(r"<title>gnuplot_plot_[^<]*</title>", "", text)
    text = re.sub(r"rgb\((\d+), (\d+), (\d+)\)", lambda found: "#" + "".join(f"{int(part):02x}" for part in found.groups()), text)
    text = re.sub(r"(\d\.\d)\d(?!\d)", r"\1", text)  # a tenth of a point
    text = re.sub(r"<g(?: [^>]*)?></g>", "", text)
    return text.replace("</g><g", "</g>\n<g")


def block(name: str, rows: list[str]) -> str:
    return f"{name} << END\n" + "".join(f"{row}\n" for row in rows) + "END\n"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
