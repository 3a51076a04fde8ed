"""`tools/ant bench send`: one send() of an application by step, counted by a plugin of QEMU (tools/plugin/steps.cpp)."""

import re
import statistics
import subprocess
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from antlib import bench_guest, qemu
from antlib.bench_output import SPREAD, Figure, Result
from antlib.paths import BUILD, IMAGE, ROOT
from antlib.progress import Failure

SOURCE, PLUGIN = ROOT / "tools/plugin/steps.cpp", BUILD / "steps.so"

# Where a step begins: program, and what its function's name begins with (as `nm -C` writes it).
PLACES = {
    "inet": ("inet", "ant::Outcome ant::inet_server::(anonymous namespace)::handle<&ant::inet_server::Requests::send"),
    "tcp": ("inet", "tcp_write"),
    "ip": ("inet", "ip4_output_if_src"),
    "ethernet": ("inet", "etharp_output"),
    "batch": ("inet", "ant::inet_server::Protocol::link_output"),
    "driver": ("rtl8139", "rtl8139::(anonymous namespace)::on_transmit"),
}
# Steps in the order of time: name, the place at which it ends.
STEPS = [("request", "inet"), ("inet", "tcp"), ("tcp", "ip"), ("ip", "ethernet"), ("ethernet", "batch"),
         ("driver_request", "driver"), ("driver", "io")]
SIGNATURE_BYTES = 12


def build_plugin() -> None:
    if PLUGIN.is_file() and PLUGIN.stat().st_mtime >= SOURCE.stat().st_mtime:
        return
    command = ["g++", "-std=c++20", "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(PLUGIN)]
    if subprocess.run(command, check=False).returncode != 0:
        raise Failure(f"{SOURCE} does not compile")


def address_of(program: Path, function: str) -> int:
    listing = subprocess.run(["nm", "-C", program], check=True, capture_output=True, text=True).stdout
    found = [line for line in listing.splitlines()
             if line[19:].startswith(function) and line[19 + len(function):19 + len(function) + 1] in ("", "(", ",", ">")]
    if not found:
        raise Failure(f"{program.name} has no function {function}")
    return int(found[0].split()[0], 16)


def write_places(path: Path) -> None:
    lines = []
    for name, (program, function) in PLACES.items():
        file = BUILD / "programs" / program
        address = address_of(file, function)
        lines.append(f"{name} {address:x} {code_at(file, address, SIGNATURE_BYTES).hex()}\n")
    path.write_text("".join(lines), encoding="utf-8")


def code_at(program: Path, address: int, count: int) -> bytes:
    data = program.read_bytes()
    headers = subprocess.run(["readelf", "-lW", program], check=True, capture_output=True, text=True).stdout
    for line in headers.splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"]:
            offset, start, size = int(fields[1], 16), int(fields[2], 16), int(fields[4], 16)
            if start <= address < start + size:
                return data[offset + address - start:offset + address - start + count]
    raise Failure(f"{program.name}: nothing at {address:x}")


def intervals(path: Path) -> list[list[dict[str, int]]]:
    """For each series, each interval: how many instructions had been counted at each place. The intervals between series send
    nothing."""
    series = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line == "series":
            series.append([])
        elif "io:" in line:
            series[-1].append({name: int(count) for name, count in (field.split(":") for field in line.split())})
    return series


def figure(name: str, values: list[float], unit: str = "instructions") -> Figure:
    ordered = sorted(values)
    spread = {"min": ordered[0], "p50": ordered[(len(ordered) - 1) // 2],
              "p99": ordered[(len(ordered) * 99 + 99) // 100 - 1], "max": ordered[-1]}
    return Figure(name, spread["p50"], unit, len(ordered), spread, {})


def steps_of(name: str, sends: list[dict[str, int]], total: Figure, mean: int) -> list[Figure]:
    """`total`: CPU time of the three processes, in which the frame's arrival at the other card is once the driver's."""
    samples = defaultdict(list)
    for send in sends:
        before = 0
        for step, end in STEPS:
            samples[step].append(send[end] - before)
            before = send[end]
        samples["doorbell"].append(before)
    figures = [figure(f"{name}.{step}", values) for step, values in samples.items()]
    aside = figure("", [send["aside"] for send in sends]).value
    whole, to_doorbell = shifted(total, aside), figures[-1]

    def single(step: str, value: int) -> Figure:
        return Figure(f"{name}.{step}", value, whole.unit, whole.n, dict.fromkeys(whole.spread, value), {})

    return [*figures, single("doorbell_mean", round(statistics.fmean(samples["doorbell"]))),
            single("return", whole.value - to_doorbell.value), whole, single("mean", mean - aside)]


def doorbell_spread(figures: list[Figure]) -> Figure:
    """By how much the doorbell comes later for 1,024 bytes or fewer than for those for which it comes first."""
    means = [item.value for item in figures if item.id.endswith(".doorbell_mean") and int(item.id.split(".")[1]) <= 1024]
    spread = round((max(means) / min(means) - 1) * 100, 1)
    return Figure("send.doorbell_mean.spread", spread, "percent", len(means), dict.fromkeys(SPREAD, spread), {})


def shifted(figure: Figure, by: int) -> Figure:
    return replace(figure, value=figure.value - by, spread={key: value - by for key, value in figure.spread.items()})


def measure_send(timeout: float, profile: Path | None = None) -> Result:
    build_plugin()
    places, counted = BUILD / "log/send-places", BUILD / "log/send-steps"
    places.parent.mkdir(parents=True, exist_ok=True)
    write_places(places)
    plugin = f"{PLUGIN},marks={places},out={counted}" + (f",profile={profile}" if profile else "")
    machine = qemu.Options(image=IMAGE, icount=True, cards=bench_guest.cards(2), reboot=False, extra=["-plugin", plugin])
    output = bench_guest.output_of(machine, "bench-send", "send", "bench send", timeout)
    totals = {item.id.removesuffix(".total"): item for item in bench_guest.parse("send", output).figures}
    means = {name: int(mean) for name, mean in re.findall(r"^mean (\S+) (\d+)", output, re.MULTILINE)}
    figures = [item for (name, total), sends in zip(totals.items(), intervals(counted), strict=True)
               for item in steps_of(name, sends, total, means[name])]
    figures.append(doorbell_spread(figures))
    return Result("send", bench_guest.commit(), "icount", figures,
                  ["TCP_NODELAY, the bytes given to send() as in BSD's; doorbell: the sum of the steps before it; total: until send() has returned; "
                   "mean: of total"])


def exact_throughput(timeout: float, prefix: str = "", command_line: str = "") -> list[Figure]:
    machine = qemu.Options(image=IMAGE, icount=True, cards=bench_guest.cards(2), reboot=False,
                           command_line=f"debug_exit=1 {command_line}")
    output = bench_guest.output_of(machine, f"bench-{prefix}throughput", "throughput", f"bench throughput {prefix}", timeout)
    return bench_guest.parse("throughput", output).figures


MOST_OVERLOAD = 3.4  # times what is taken at best


def saturation(timeout: float) -> tuple[Figure, list[tuple[int, int]]]:
    """Datagrams at growing rates: how many are offered and taken a second, the other end's instructions left out."""
    machine = qemu.Options(image=IMAGE, icount=True, cards=bench_guest.cards(2), reboot=False, command_line="debug_exit=1")
    output = bench_guest.output_of(machine, "bench-saturation", "saturation", "bench saturation", timeout)
    rates = [(int(offered), int(taken)) for offered, taken in re.findall(r"^offered (\d+) taken (\d+)", output, re.MULTILINE)]
    peak = max(taken for _, taken in rates)
    beyond = [taken for offered, taken in rates if peak < offered <= MOST_OVERLOAD * peak]
    if max(offered for offered, _ in rates) < MOST_OVERLOAD * peak:
        raise Failure(f"the guest takes {peak} datagrams a second: that is too many for the rates offered")
    return percent_figure("udp_percent", round(100 * min(beyond) / peak, 1)), rates


def percent_figure(name: str, percent: float) -> Figure:
    return Figure(f"throughput.saturation.{name}", percent, "percent", 1, dict.fromkeys(("min", "p50", "p99", "max"), percent), {})


def many_connections(figures: list[Figure]) -> Figure:
    """What 64 connections reach of what one does, in the worse direction."""
    value = {item.id: item.value for item in figures}
    parts = [value[f"throughput.{way}.64.exact_kb_per_s"] / value[f"throughput.{way}.exact_kb_per_s"] for way in ("send", "recv")]
    return percent_figure("64_connections_percent", round(100 * min(parts), 1))


def measure_throughput(timeout: float) -> Result:
    figures = exact_throughput(timeout) + exact_throughput(timeout, "classic.", "rtl8139.mode=classic")
    datagrams, rates = saturation(timeout)
    both = [datagrams, many_connections(figures)]
    figures += [*both, percent_figure("percent_of_peak", min(item.value for item in both))]
    return Result("throughput", bench_guest.commit(), "icount", figures, [
        "exact_kb_per_s: by the guest's clock, an instruction a nanosecond; the plot has what the application takes of datagrams that come "
        "at growing rates, by the time that the other end leaves"], {"datagrams": rates})
