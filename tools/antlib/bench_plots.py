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


def steps(result: Result, calls: tuple[str, ...], title: str) -> list[Panel]:
    """What each call takes, by step; steps of one name together."""
    groups = {call: {} for call in calls}
    for figure in result.figures:
        call, found, step = figure.id.partition(".step")
        if found and call in groups:
            name = step.partition(".")[2].replace("_", " ")
            groups[call][name] = groups[call].get(name, 0) + figure.value
    shown = {call: parts for call, parts in groups.items() if parts}
    names = dict.fromkeys(name for parts in shown.values() for name in parts)
    return [Columns(title, "instructions by step", [call.split(".", 1)[1] for call in shown],
                    {name: [parts.get(name, 0) for parts in shown.values()] for name in names})] if shown else []


def ipc(result: Result) -> list[Panel]:
    """Round trips over the bytes that go there and back."""
    kinds = {"ipc.sync.move": "sync, an area is moved", "ipc.async.move": "async, an area is moved",
             "linux.ipc.pipe": "Linux, pipes", "linux.ipc.unix": "Linux, UNIX sockets"}
    points = {}
    for figure in result.figures:
        kind, _, size = figure.id.rpartition(".")
        if kind in kinds and size.isdigit():
            points.setdefault(kind, []).append((int(size), figure.value))
    curves = [Curve(name, sorted(points[kind])) for kind, name in kinds.items() if kind in points]
    if not curves:
        return []
    return [Curves(f"ipc ({result.mode}, {result.commit}): round trip with data", "bytes there and back", "instructions", curves,
                   log="xy", x_range="50:3e6", y_range="100:*"),
            *steps(result, ("ipc.sync.null", "ipc.sync.params64", "ipc.sync.move.4096", "ipc.async.null", "ipc.async.move.4096"),
                   "a call by step: what the programs execute and what the core does for them")]


def chain(result: Result) -> list[Panel]:
    """Over the number of servers; P-ipc's figures in clocks of its machine beside it, and the chain of real servers."""
    values = {name: figure.value for name, figure in by_id(result).items()}
    returns = ("sequential", "direct")
    curves = [Curve(how, [(n, values[f"chain.{n}.{how}"]) for n in range(1, 6) if f"chain.{n}.{how}" in values]) for how in returns]
    if not all(curve.points for curve in curves):
        return []
    real = [name for name in ("cached", "uncached", "uncached.256k") if f"chain.real.{name}.direct" in values]
    theirs = {entry.id.rpartition(".")[2]: entry.value for entry in papers.chain() if entry.id.startswith("chain.3.")}
    return [Curves(f"chain ({result.mode}, {result.commit}): servers that only take and return", "servers", "instructions",
                   curves, x_range="0.5:5.5"),
            Columns("P-ipc, section 4: through three servers, Pentium 4, 2.8 GHz", "clocks", ["3"],
                    {how: [theirs[how]] for how in returns}, "servers", stacked=False, height=300),
            *steps(result, ("chain.3.sequential", "chain.3.direct"), "three servers, by step"),
            Columns("real servers: program, file server, cache, disk driver, program", "instructions", real,
                    {how: [values[f"chain.real.{name}.{how}"] for name in real] for how in returns}, stacked=False)]


PHASES = ("stop", "create", "load", "register", "state", "device", "first")  # of a replacement, in the order of time


def replacement(result: Result) -> list[Panel]:
    """By phase; and how far blackout and whole spread."""
    figures = by_id(result)
    panels = []
    for kind in ("planned", "crash"):
        servers = [name.split(".")[1] for name in figures if name.endswith(f".{kind}.total")]
        parts = {phase: [figures[f"replace.{server}.{kind}.{phase}"].value / 1000 if f"replace.{server}.{kind}.{phase}" in figures else 0
                         for server in servers] for phase in PHASES}
        if servers:
            panels.append(Columns(f"replace ({result.mode}, {result.commit}): {kind}, medians of the phases", "us", servers, parts))
    spread = [(name, figure.value, figure.spread["min"], figure.spread["max"]) for name, figure in figures.items()
              if name.endswith((".total", ".blackout", ".gap"))]
    return [*panels, Bars("least, median and longest", "ns", spread)] if panels else []


def boot(result: Result) -> list[Panel]:
    """The phases; those of firmware and GRUB apart, as they are thousands of times longer; then when each process was created."""
    figures = by_id(result)

    def bars_of(title: str, unit: str, prefix: str, wanted: tuple[str, ...] = ()) -> list[Panel]:
        rows = [(name.removeprefix(prefix), figure.value, figure.spread["min"], figure.spread["max"]) for name, figure in figures.items()
                if name.startswith(prefix) or name in wanted]
        return [Bars(title, unit, rows)] if rows else []

    return [*bars_of(f"boot ({result.mode}, {result.commit}): phases up to the first process", "instructions", "boot.phase."),
            *bars_of("from the core's entry: a process was created, the prompt was there", "ns", "boot.created.", ("boot.kernel_to_prompt",)),
            *bars_of("Linux beside it", "ns", "linux.boot.", ("boot.kernel_to_prompt", "boot.power_on_to_core"))]


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


SEND_SUMS = ("total", "mean", "doorbell", "doorbell_mean")
SEND_CALLS = ("request", "driver_request", "return")  # the steps that are calls between processes


def send(result: Result) -> list[Panel]:
    """P-tcp figure 7 (the steps that are calls between processes) and figure 8 (the rest, by step) over the number of bytes, ours and
    the paper's; then the whole beside Linux."""
    figures = [figure for figure in result.figures if figure.id.startswith("send.") and figure.id.split(".")[1].isdigit()]
    sizes = sorted({int(figure.id.split(".")[1]) for figure in figures})
    values = {figure.id: figure.value for figure in result.figures}
    steps = [step for step in dict.fromkeys(figure.id.split(".", 2)[2] for figure in figures) if step not in SEND_SUMS]
    if not steps:
        return []
    tables = [(f"AnT ({result.mode}, {result.commit})", figures[0].unit, sizes,
               {step: [values.get(f"send.{size}.{step}", 0) for size in sizes] for step in steps})]
    tables += [(f"{system} on a Celeron D, 2.8 GHz", "us", papers.SEND_SIZES, parts) for system, parts in papers.SEND_STEPS.items()]
    order = tuple(step for step in dict.fromkeys(step for *_, parts in tables for step in parts) if step not in SEND_SUMS)
    panels: list[Panel] = []
    for place, wanted, stacked in (("figure 7", SEND_CALLS.__contains__, False),
                                   ("figure 8", lambda step: step not in (*SEND_SUMS, *SEND_CALLS), True)):
        for system, unit, numbers, parts in tables:
            shown = {step: list(times) for step, times in parts.items() if wanted(step)}
            if shown:
                panels.append(Columns(f"P-tcp {place}: {system}", f"{unit} by step", [str(size) for size in numbers], shown, "bytes sent",
                                      stacked, 320, order))
    whole = {name: [(size, values[f"{prefix}send.{size}.total"]) for size in sizes if f"{prefix}send.{size}.total" in values]
             for name, prefix in (("AnT", ""), ("AnT, BSD sockets", "posix."), ("Linux", "linux."))}
    return [*panels, Curves("until send() has returned", "bytes sent", figures[0].unit,
                            [Curve(name, points) for name, points in whole.items() if points], log="x")]


CONNECTIONS, RATES = (1, 16, 64), (1, 10, 50, 100)


def throughput(result: Result) -> list[Panel]:
    """Over the number of connections; past saturation; the CPU's share at fixed rates; beside Linux."""
    figures = by_id(result)

    def curves(ids: dict[str, dict[int, str]], scale: float = 1) -> list[Curve]:
        drawn = [Curve(name, [(x, figures[id].value / scale) for x, id in points.items() if id in figures]) for name, points in ids.items()]
        return [curve for curve in drawn if curve.points]

    ways = {f"{way}, {mode} mode": f"throughput.{prefix}{way}" for prefix, mode in (("", "C+"), ("classic.", "classic")) for way in ("send", "recv")}
    many = curves({name: {n: f"{start}{'' if n == 1 else f'.{n}'}.exact_kb_per_s" for n in CONNECTIONS} for name, start in ways.items()}, 1000)
    share = curves({f"{mode} mode": {rate: f"throughput.{prefix}share.{rate}.percent" for rate in RATES}
                    for prefix, mode in (("", "C+"), ("classic.", "classic"))})
    panels: list[Panel] = []
    if many:
        panels.append(Curves(f"throughput ({result.mode}, {result.commit}): 64 KiB at a time, an instruction taken as a nanosecond", "connections",
                             "MB/s", many, log="x", x_range="0.8:80"))
    if result.series.get("datagrams"):
        taken = sorted((offered / 1000, arrived / 1000) for offered, arrived in result.series["datagrams"])
        panels.append(Curves("datagrams of 64 bytes past saturation", "offered, thousands/s", "taken, thousands/s", [Curve("taken", taken)], log="x"))
    if share:
        panels.append(Curves("CPU share at fixed rates, sending", "MB/s", "percent", share, x_range="0:105"))
    for unit, endings in (("instructions", ("segment_instructions", "packet_instructions")), ("MB/s", ("mb_per_s",)), ("packets/s", ("packets_per_s",))):
        rows = [(name, figure.value, figure.spread["min"], figure.spread["max"]) for name, figure in figures.items()
                if name.endswith(endings) and not name.endswith("exact_kb_per_s")]
        panels += [Bars("for each segment of 1460 bytes, or small packet" if unit == "instructions" else unit, unit, rows)] if rows else []
    return panels


def rtt(result: Result) -> list[Panel]:
    """P-tcp figure 9: round-trip time over the number of bytes sent."""
    shown = {}
    for figure in result.figures:
        name, _, rest = figure.id.partition("rtt.")
        size, _, quantity = rest.partition(".")
        if size.isdigit():
            shown.setdefault((quantity, figure.unit), {}).setdefault(name.rstrip(".") or "ours", []).append((int(size), figure.value))
    for entry in papers.round_trip():
        if ("us", "us") in shown:
            shown["us", "us"][f"{entry.system}, P-tcp"] = [(int(entry.id.split(".")[1]), entry.value)]
    return [Curves(f"rtt ({result.mode}, {result.commit}): N bytes there, 1 byte back", "bytes sent",
                   unit if quantity == unit else f"{unit}, {quantity.replace('_', ' ')}",
                   [Curve(name, sorted(points)) for name, points in curves.items()], x_range="0:*")
            for (quantity, unit), curves in shown.items()]


def model(result: Result) -> list[Panel]:
    """P-time figures 7 to 10: over the number of application processes (APs)."""
    values = {figure.id: figure.value / 1e6 for figure in result.figures if figure.unit == "ns"}
    orders = {"paper": "the paper's order", "ours": "our order"}

    def curve(name: str, order: str, parts: tuple[int, int], what: str, style: str = "linespoints", colour: int | None = None) -> Curve:
        ids = {aps: f"model.{order}.{parts[0]}_{parts[1]}.{aps}.{what}" for aps in papers.MODEL_APS}
        return Curve(name, [(aps, values[id]) for aps, id in ids.items() if id in values], style, colour=colour)

    def panel(title: str, y: str, curves: list[Curve]) -> list[Panel]:
        shown = [drawn for drawn in curves if drawn.points]
        return [Curves(title, "application processes", y, shown, x_range="0.5:7.5")] if shown else []

    def replacement(order: str, number: int, wanted: list[tuple[int, int]]) -> list[Panel]:
        curves = []
        for colour, parts in enumerate(wanted):
            name = f"{parts[0]}/{parts[1]}"
            curves += [curve(f"{name} {what}", order, parts, f"replace_{what}", style, colour)
                       for what, style in (("max", "linespoints"), ("mean", "points"), ("min", "lines"))]
            bound = [(aps, papers.longest_replacement(values.get("model.paper.basic", 0), parts, aps)) for aps in papers.MODEL_APS]
            if curves[-1].points and order == "paper":
                curves.append(Curve(f"{name} paper's bound", bound, "lines", dashed=True, colour=colour))
        return panel(f"P-time figure {number}, execution/return part in ms, {orders[order]}", "replacement time, ms", curves)

    def difference(order: str) -> list[Panel]:
        curves = []
        for parts in papers.MODEL_PARTS:
            quiet = dict(curve("", "quiet", parts, "response_max").points)
            curves.append(Curve(f"{parts[0]}/{parts[1]}", [(aps, value - quiet[aps])
                                                            for aps, value in curve("", order, parts, "response_max").points]))
        return panel(f"P-time figure 10, {orders[order]}", "longest response, difference, ms", curves)

    def response(what: str) -> list[Panel]:
        return panel(f"P-time figure 9, parts 10/1, {what} response time", f"{what} response time, ms",
                     [curve("without replacement", "quiet", (10, 1), f"response_{what}"),
                      *(curve(name, order, (10, 1), f"response_{what}") for order, name in orders.items())])

    long_execution = [parts for parts in papers.MODEL_PARTS if parts[1] == 1]
    long_return = [parts for parts in papers.MODEL_PARTS if parts[0] == 1]
    return [*replacement("paper", 7, long_execution), *replacement("ours", 7, long_execution),
            *replacement("paper", 8, long_return), *replacement("ours", 8, long_return),
            *response("max"), *response("mean"), *difference("paper"), *difference("ours")]


def nic(result: Result) -> list[Panel]:
    """P-nic figure 3: computations and sends of the application around the replacement, and what the replacement took."""
    def rounds(quantity: str, title: str) -> Curves:
        curves = [Curve(name.partition(".")[2], points) for name, points in result.series.items() if name.startswith(f"{quantity}.")]
        return Curves(title, "ms since the replacement was asked for", "us", curves, x_range="-5:8")

    values = {name: figure.value / 1000 for name, figure in by_id(result).items()}
    variants = [name[4:-6] for name in values if name.startswith("nic.") and name.endswith(".total")]
    parts = {"reading and loading": [values[f"nic.{v}.load"] for v in variants],
             "blackout": [values[f"nic.{v}.blackout"] for v in variants],
             "the rest": [values[f"nic.{v}.total"] - values[f"nic.{v}.load"] - values[f"nic.{v}.blackout"] for v in variants]}
    return [rounds("compute", f"nic ({result.mode}, {result.commit}): each computation of the application"),
            rounds("send", "each send of 1024 bytes"),
            Columns("replacement; P-nic, Core i7 and SATA disk: 21,339 us (30 KB), 23,797 us (67 KB)", "us", variants, parts)]


def create(result: Result) -> list[Panel]:
    """Over the size of the program."""
    kib = {"30k": 30, "67k": 67, "1m": 1024}
    curves = {}
    for figure in result.figures:
        name, _, size = figure.id.rpartition("create.")
        if size in kib:
            curves.setdefault(name.rstrip(".") or "ours", []).append((kib[size], figure.value))
    return [Curves(f"create ({result.mode}, {result.commit})", "program, KiB", "instructions, to its end",
                   [Curve(name, sorted(points)) for name, points in curves.items()], log="x", x_range="20:2000")]


PANELS = {"boot": boot, "chain": chain, "create": create, "ipc": ipc, "model": model, "nic": nic, "replace": replacement, "resilience": resilience, "send": send, "rtt": rtt, "throughput": throughput}
