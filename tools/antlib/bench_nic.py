"""`tools/ant bench nic`: P-nic's experiment, the driver of the network card replaced while a program computes and sends.

The disk answers when the host has read the file: what a replacement waits for it is time of this host. What others than the
application executed meanwhile is not: `added`, in instructions."""

import re
import statistics
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from antlib import bench_guest, bench_host, disk, qemu
from antlib.bench_output import Figure, Result
from antlib.paths import DISK_PROGRAMS, IMAGE
from antlib.progress import Failure

SAMPLES, LINUX_SAMPLES = 10, 3
LONGER = 1.1  # P-nic: a computation that took a tenth longer than without replacement


@dataclass
class Sample:
    variant: str
    at: int = 0
    replaced: dict[str, int] = field(default_factory=dict)  # total, blackout, load
    rounds: list[tuple[int, int, int]] = field(default_factory=list)  # begun at, computed, sent


def measure(options) -> Result:
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        image = disk.copy(disk.template(), Path(name) / "disk.img")
        machine = qemu.Options(image=IMAGE, icount=True, idle_waits=True, reboot=False, cards=bench_guest.cards(2),
                               disks=[qemu.raw_disk(image, cache="unsafe")])
        line = f"run bench-nic {options.samples or SAMPLES}"
        samples = parse(bench_guest.output_of(machine, "bench-nic", "nic", line, options.timeout))
    sizes = ", ".join(f"{path.name}: {path.stat().st_size:,} bytes" for path in sorted(DISK_PROGRAMS.glob("rtl8139@*k")))
    return Result("nic", bench_guest.commit(), "icount", figures(samples), [
        "total and blackout: ns of the guest's clock, one an instruction; time in which the disk is waited for is this host's",
        "compute, send: of the application; added: what its computations took longer in all; places: those a tenth longer",
        f"files on the disk, their parts at page boundaries: {sizes}; memory: the driver as it is, from the boot archive"], series(samples))


def measure_linux(options) -> Result:
    samples = parse(bench_host.linux_nic(LINUX_SAMPLES, options.timeout))
    return Result("nic", bench_guest.commit(), "icount", [replace(item, id=f"linux.{item.id}") for item in figures(samples)], [
        "linux: the same program; the driver's module unloaded and loaded again, its card's address set; the other end is on the host "
        "(idle time passes as outside, the rest is an instruction a nanosecond); "
        "unacknowledged: the longest time in which the other end acknowledged nothing"])


def parse(output: str) -> list[Sample]:
    samples: list[Sample] = []
    for line in output.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "sample":
            samples.append(Sample(rest))
        elif word == "replaced" and samples:
            values = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", rest)}
            samples[-1].at = values.pop("at")
            samples[-1].replaced = values
        elif word == "round" and samples:
            samples[-1].rounds.append(tuple(map(int, rest.split())))
    if not samples or not all(sample.rounds for sample in samples):
        raise Failure("bench nic printed no samples")
    return samples


def series(samples: list[Sample]) -> dict[str, list[tuple[float, float]]]:
    """P-nic figure 3: each round of the application, over the time since the replacement was asked for (or the half of the run);
    one run of each variant, in ms and us."""
    shown = {}
    for sample in {sample.variant: sample for sample in reversed(samples)}.values():
        asked = sample.at or sample.rounds[len(sample.rounds) // 2][0]
        for number, name in ((1, "compute"), (2, "send")):
            shown[f"{name}.{sample.variant}"] = [((values[0] - asked) / 1e6, values[number] / 1e3) for values in sample.rounds]
    return shown


def figures(samples: list[Sample]) -> list[Figure]:
    quiet = statistics.median(computed for sample in samples if sample.variant == "none" for _, computed, _ in sample.rounds)
    found = []
    for variant in dict.fromkeys(sample.variant for sample in samples):
        of_it = [sample for sample in samples if sample.variant == variant]
        for name in of_it[0].replaced:
            found.append(figure(f"nic.{variant}.{name}", "ns", [sample.replaced[name] for sample in of_it]))
        for number, name in ((1, "compute"), (2, "send")):
            found.append(figure(f"nic.{variant}.{name}", "ns", [values[number] for sample in of_it for values in sample.rounds]))
        if variant != "none":
            found.append(figure(f"nic.{variant}.added", "ns", [added(sample) for sample in of_it]))
            found.append(figure(f"nic.{variant}.places", "computations", [places(sample, quiet) for sample in of_it]))
    return found


def added(sample: Sample) -> int:
    """By which the computations around the replacement took longer than the others of the same run."""
    usual = statistics.median(computed for _, computed, _ in sample.rounds)
    end = sample.at + sample.replaced["total"]
    return round(sum(computed - usual for begin, computed, _ in sample.rounds if begin <= end and begin + computed >= sample.at))


def places(sample: Sample, quiet: float) -> int:
    return sum(computed >= LONGER * quiet for _, computed, _ in sample.rounds)


def figure(name: str, unit: str, values: list[int]) -> Figure:
    ordered = sorted(values)
    middle, late = ordered[(len(ordered) - 1) // 2], ordered[min(len(ordered) - 1, -(-len(ordered) * 99 // 100) - 1)]
    return Figure(name, middle, unit, len(ordered), {"min": ordered[0], "p50": middle, "p99": late, "max": ordered[-1]}, {})
