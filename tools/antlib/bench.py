"""`tools/ant bench`: measures in the instruction-exact mode; results in build/bench/."""

import re
import subprocess
from dataclasses import dataclass

from antlib import bench_output, bench_plots, build, plots, qemu, run, setup
from antlib.bench_output import Figure, Result
from antlib.guest_console import ConsoleClosed, ConsoleTimeout, CorePanic, GuestConsole
from antlib.paths import BUILD, IMAGE, ROOT
from antlib.progress import Failure, Progress, say

FIELD = re.compile(r"(\w+)=(\S+)")
REPLACE_SAMPLES, RESILIENCE_RUNS, DISK_RUNS = 100, 3, 3
COUNTS = ("cr3", "invlpg", "msr", "fpu", "mmio")


@dataclass(frozen=True)
class Bench:
    text: str
    cards: int = 1


BENCHES = {
    "ipc": Bench("calls through libant's loop, instructions each"),
    "replace": Bench("replacing, crashing and hanging servers under load, two cards on one hub", cards=2),
    "resilience": Bench("TCP transfers while the NIC driver, then inet, is killed again and again, two cards on one hub", cards=2),
    "send": Bench("one TCP send of an application by step, from the call to the card's doorbell and back", cards=2),
    "rtt": Bench("a message and an answer of one byte, TCP, two cards on one hub", cards=2),
    "throughput": Bench("TCP in bulk both ways, two cards on one hub", cards=2),
    "memory": Bench("memory of the core and of the whole system at the prompt"),
    "boot": Bench("from the core's entry to the prompt"),
    "disk": Bench("a file through file server, cache and driver, IDE and AHCI; --peer linux: Linux as well"),
}
PEERS = ("linux",)


def add_arguments(parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--list", action="store_true", help="lists the benches")
    parser.add_argument("--report", action="store_true", help="makes the result pages")
    parser.add_argument("--peer", metavar="SYSTEM", help="measures another system beside AnT")
    parser.add_argument("--samples", metavar="N", type=int,
                        help="of each figure of `replace` (default 100), runs of each kind of `resilience` (default 3)")
    parser.add_argument("--size", metavar="MIB", type=int,
                        help="of each transfer of `resilience` (default: as much as takes a little over 1 s, or 2 s)")
    parser.add_argument("--only", metavar="KIND", default="",
                        help="of `resilience`: transfers whose name begins so, such as inet.recv.100ms; of `replace`: this server")
    parser.add_argument("--timeout", metavar="S", type=float, default=900, help="of each bench")


def main(options) -> int:
    if options.list:
        for name, bench in BENCHES.items():
            print(f"{name:10} {bench.text}")
        return 0
    if options.report:
        raise Failure("`tools/ant bench --report` is not part of this version: results are in build/bench/.", 2)
    names = options.names or list(BENCHES)
    if options.peer and (options.peer not in PEERS or names != ["disk"]):
        raise Failure("--peer: there is `tools/ant bench disk --peer linux`", 2)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        raise Failure(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}", 2)
    setup.ensure(setup.BUILD_PACKAGES, setup.RUN_PACKAGES, setup.BENCH_PACKAGES)
    build.image()
    for number, name in enumerate(names):
        with Progress(f"Measuring {name} ({number + 1} of {len(names)})"):
            result = measured(name, options)
        bench_output.write(result, BUILD / "bench")
        plots.draw(BUILD / "bench" / f"{name}.svg", bench_plots.panels(result))
        bench_output.print_table(result)
    say(f"Results: {BUILD / 'bench'}")
    return 0


def measured(name: str, options) -> Result:
    if name == "send":
        from antlib import bench_network  # which needs this module
        return bench_network.measure_send(options.timeout)
    if name != "disk":
        return measure(name, options.timeout, guest_arguments(name, options))
    from antlib import bench_disk  # which needs this module
    result = bench_disk.measure(options.timeout, options.samples or DISK_RUNS)
    if options.peer:
        linux = bench_disk.measure_linux(options.timeout, options.samples or DISK_RUNS)
        result = Result(result.name, result.commit, result.mode, result.figures + linux.figures, result.notes + linux.notes)
    return result


def guest_arguments(name: str, options) -> list[int | str]:
    if name == "replace":
        return [options.samples or REPLACE_SAMPLES, options.only]
    if name == "resilience":
        return [options.samples or RESILIENCE_RUNS, options.size or 0, *filter(None, [options.only])]
    return []


def cards(count: int) -> list[str]:
    """One card on the user network, or several on one hub of the same guest."""
    if count == 1:
        return ["-netdev", "user,id=net0", "-device", "rtl8139,netdev=net0,romfile="]
    arguments = []
    for card in range(count):
        arguments += ["-netdev", f"hubport,id=port{card},hubid=0",
                      "-device", f"rtl8139,netdev=port{card},romfile=,mac=52:54:00:12:34:{0x56 + card:02x}"]
    return arguments


def measure(name: str, timeout: float, arguments: list[int | str]) -> Result:
    machine = qemu.Options(image=IMAGE, icount=True, cards=cards(BENCHES[name].cards), reboot=False)
    line = " ".join(["bench", name, *map(str, arguments)])
    return parse(name, output_of(machine, f"bench-{name}", name, line, timeout))


def output_of(machine: qemu.Options, log_name: str, name: str, line: str, timeout: float) -> str:
    """What the guest prints when it runs this bench by this command, in a machine of its own."""
    log = BUILD / "log" / f"{log_name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with open(log.with_suffix(".qemu.log"), "wb") as errors:
        process, serial = qemu.start_with_socket(machine, stderr=errors)
    console = GuestConsole(serial, log)
    try:
        console.until_prompt(timeout)
        output = run_bench(console, name, line, timeout)
        console.send("poweroff\n")
        console.drain(10)
        return output
    except (ConsoleTimeout, ConsoleClosed, CorePanic) as error:
        raise Failure(f"bench {name}: {type(error).__name__}: {error}\nThe whole console output: {log}") from None
    finally:
        console.close()
        run.stop(process)


def run_bench(console: GuestConsole, name: str, line: str, timeout: float) -> str:
    output, status = console.command(line, timeout)
    if status != 0 or not re.search(rf"^bench {re.escape(name)} done", output, re.MULTILINE):
        raise Failure(f"bench {name} failed in the guest with status {status}:\n{output}")
    return output


def parse(name: str, output: str) -> Result:
    figures, notes = [], []
    for line in output.splitlines():
        line = line.strip()
        if line.startswith("figure "):
            figures.append(figure(dict(FIELD.findall(line))))
        elif line.startswith("note "):
            notes.append(line[5:])
    if not figures:
        raise Failure(f"bench {name} printed no figures")
    return Result(name, commit(), "icount", figures, notes)


def number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def figure(fields: dict[str, str]) -> Figure:
    value = number(fields["value"])
    spread = {key: number(fields.get(key, fields["value"])) for key in ("min", "p50", "p99", "max")}
    counts = {key: number(fields[key]) for key in COUNTS if key in fields}
    return Figure(fields["id"], value, fields["unit"], int(fields.get("n", 1)), spread, counts)


def commit() -> str:
    result = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"],
                            capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
