"""`tools/ant bench ipc`, and the chains of `bench chain`: calls by step, counted by the plugin of QEMU (tools/plugin/steps.cpp).

A step lasts from one way into the core or out of it to the next: what the program executes, what the core does for it until another
one runs, and so on.
"""

import re
from pathlib import Path

from antlib import bench_guest, bench_network, qemu
from antlib.bench_output import Figure, Result
from antlib.paths import BUILD, IMAGE
from antlib.progress import Failure

SYNC = ("client", "core_request", "server", "core_reply", "client_result")
# The result is fetched by a system call of its own.
ASYNC = ("client", "core_request", "server", "core_reply", "client_between", "core_receive", "client_result")
THERE = ("client", "core_request", "relay", "core_forward", "relay", "core_forward", "server", "core_reply")
# Those calls whose steps are shown.
STEPS = {
    **dict.fromkeys(("ipc.sync.null", "ipc.sync.params64", "ipc.sync.move.4096", "ipc.sync.move.1048576"), SYNC),
    **dict.fromkeys(("ipc.async.null", "ipc.async.move.4096"), ASYNC),
    "chain.3.direct": (*THERE, "client_result"),
    "chain.3.sequential": (*THERE, "relay", "core_reply", "relay", "core_reply", "client_result"),
}


def measure(name: str, timeout: float) -> Result:
    bench_network.build_plugin()
    counted = BUILD / f"log/{name}-steps"
    counted.parent.mkdir(parents=True, exist_ok=True)
    machine = qemu.Options(image=IMAGE, icount=True, cards=bench_guest.cards(1), reboot=False,
                           extra=["-plugin", f"{bench_network.PLUGIN},out={counted},crossings=on"])
    output = bench_guest.output_of(machine, f"bench-{name}", name, f"bench {name}", timeout)
    result = bench_guest.parse(name, output)
    names = re.findall(r"^series (\S+)", output, re.MULTILINE)
    result.figures.extend(figure for call, calls in zip(names, series(counted), strict=True) if call in STEPS
                          for figure in steps_of(call, calls))
    return result


def series(path: Path) -> list[list[list[int]]]:
    """For each series, for each call: how many instructions each step took."""
    found: list[list[list[int]]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line == "series":
            found.append([])
            continue
        ends = [int(count) for count in re.findall(r"\b(?:cross|end):(\d+)", line)]
        found[-1].append([end - begin for begin, end in zip([0, *ends], ends)])
    return found


def steps_of(call: str, calls: list[list[int]]) -> list[Figure]:
    """Of those calls that went the usual way: an interrupt makes one longer."""
    names = STEPS[call]
    usual = [steps for steps in calls if len(steps) == len(names)]
    if 2 * len(usual) < len(calls):
        raise Failure(f"{call}: most calls go into the core and out of it otherwise than known: {calls[0]}")
    return [bench_network.figure(f"{call}.step{number}.{name}", list(values))
            for number, (name, values) in enumerate(zip(names, zip(*usual)), 1)]
