"""`tools/ant bench`: measures, mostly in the instruction-exact mode; results in build/bench/."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from antlib import (bench_boot, bench_chain, bench_create, bench_disk, bench_guest, bench_host, bench_ipc, bench_linux, bench_network,
                    bench_nic, bench_output, bench_plots, bench_report, build, linux_peer, plots, setup)
from antlib.bench_output import Result
from antlib.paths import BUILD
from antlib.progress import Failure, Progress, say

REPLACE_SAMPLES, RESILIENCE_RUNS, DISK_ROUNDS = 100, 3, 5
PEERS = ("linux",)
# So slow a machine that replacing an idle server takes about as long as it took the authors, 7.4 ms: the model's parts take
# 1 to 20 ms.
MODEL_SHIFT = 7


@dataclass(frozen=True)
class Bench:
    text: str
    measure: Callable  # of the command's options -> Result
    peered: bool = False  # whether it heeds --peer


def in_guest(name: str, cards: int = 1, arguments: Callable = lambda options: [], shift: int = 0) -> Callable:
    return lambda options: bench_guest.measure(name, options.timeout, arguments(options), cards, shift)


def beside(measure: Callable, linux: Callable) -> Callable:
    """Both, if the other one is asked for."""
    def both(options) -> Result:
        result = measure(options)
        if not options.peer:
            return result
        peer = linux(options)
        return replace(result, figures=result.figures + peer.figures, notes=result.notes + peer.notes)
    return both


def over_network(name: str, measure: Callable) -> Callable:
    """With the other end in the same machine, then with it on the host."""
    return lambda options: bench_host.measure(name, measure(options), options.peer == "linux", options.timeout)


def replace_arguments(options) -> list[int | str]:
    return [options.samples or REPLACE_SAMPLES, options.only]


def resilience_arguments(options) -> list[int | str]:
    return [options.samples or RESILIENCE_RUNS, options.size or 0, *filter(None, [options.only])]


BENCHES = {
    "ipc": Bench("calls through libant's loop, instructions each, by step",
                 beside(lambda options: bench_ipc.measure("ipc", options.timeout),
                        lambda options: bench_linux.measure("ipc", options.timeout)), peered=True),
    "create": Bench("making a process, until it has ended, against the size of its program",
                    beside(bench_create.measure, lambda options: bench_linux.measure("create", options.timeout)), peered=True),
    "replace": Bench("replacing, crashing and hanging servers under load, two cards on one hub",
                     in_guest("replace", 2, replace_arguments)),
    "resilience": Bench("TCP transfers while the NIC driver, then inet, is killed again and again, two cards on one hub",
                        in_guest("resilience", 2, resilience_arguments)),
    "send": Bench("one TCP send of an application by step, from the call to the card's doorbell and back",
                  over_network("send", lambda options: bench_network.measure_send(options.timeout)), peered=True),
    "rtt": Bench("a message and an answer of one byte, TCP: two cards on one hub; the host",
                 over_network("rtt", in_guest("rtt", 2)), peered=True),
    "throughput": Bench("TCP in bulk both ways, datagrams, CPU share: two cards on one hub; the host, also past saturation",
                        over_network("throughput", lambda options: bench_network.measure_throughput(options.timeout)), peered=True),
    "nicswap": Bench("replacing the card's driver under load: the longest stall, retransmissions",
                     beside(in_guest("nicswap", 2), lambda options: bench_host.linux_nic_swap(options.timeout)), peered=True),
    "model": Bench("P-time's experiment: replacement and response times over the number of programs, in the paper's order and ours",
                   in_guest("model", 1, lambda options: list(filter(None, [options.only])), MODEL_SHIFT)),
    "memory": Bench("memory of the core, of each server and of the whole system at the prompt",
                    lambda options: bench_boot.measure_memory(options.timeout)),
    "boot": Bench("from power-on to the prompt, by phase",
                  beside(lambda options: bench_boot.measure(options.timeout),
                         lambda options: bench_linux.measure("boot", options.timeout)), peered=True),
    "chain": Bench("calls through 1 to 5 servers, and one read from the program to the disk and back, sequential against direct return",
                   bench_chain.measure),
    "nic": Bench("P-nic: the NIC driver replaced from the disk while a program computes and sends, two cards on one hub",
                 beside(bench_nic.measure, bench_nic.measure_linux), peered=True),
    "disk": Bench("a file through file server, cache and driver, IDE and AHCI",
                  lambda options: bench_disk.measure(options.samples or DISK_ROUNDS, options.peer == "linux", options.timeout), peered=True),
}


def add_arguments(parser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--list", action="store_true", help="lists the benches")
    parser.add_argument("--report", action="store_true", help="makes the result pages")
    parser.add_argument("--peer", metavar="SYSTEM", help="measures another system as well, where the bench can: linux")
    parser.add_argument("--samples", metavar="N", type=int,
                        help="of each figure of `replace` (default 100), runs of each kind of `resilience` (default 3), "
                             "boots for the speeds of `disk` (default 5)")
    parser.add_argument("--size", metavar="MIB", type=int,
                        help="of each transfer of `resilience` (default: as much as takes a little over 1 s, or 2 s)")
    parser.add_argument("--only", metavar="KIND", default="",
                        help="of `resilience`: transfers whose name begins so, such as inet.recv.100ms; of `replace`: this server; "
                             "of `model`: these parts, such as 10_1")
    parser.add_argument("--timeout", metavar="S", type=float,
                        help="of each bench (default: 1800, and more for many samples or large transfers)")


def patience(options) -> float:
    """Seconds for a bench on a machine that is busy with other things as well."""
    return 1800 + (options.samples or 1) * (2 + 3 * (options.size or 0))


def main(options) -> int:
    options.timeout = options.timeout or patience(options)
    if options.list:
        for name, bench in BENCHES.items():
            print(f"{name:10} {bench.text}")
        return 0
    if options.report:
        setup.ensure(setup.BENCH_PACKAGES)
        say(f"Written: {bench_report.write(BUILD / 'bench', BENCHES)}")
        return 0
    names = options.names or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        raise Failure(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}", 2)
    peered = [name for name, bench in BENCHES.items() if bench.peered]
    if options.peer and (options.peer not in PEERS or not any(name in peered for name in names)):
        raise Failure(f"--peer: there is `linux`, beside {', '.join(peered)}", 2)
    setup.ensure(setup.BUILD_PACKAGES, setup.RUN_PACKAGES, setup.BENCH_PACKAGES)
    build.image()
    if options.peer:
        linux_peer.get()  # now, as some benches run in a network namespace of their own
    failed = []
    for number, name in enumerate(names):
        try:
            with Progress(f"Measuring {name} ({number + 1} of {len(names)})"):
                begin = time.monotonic()
                result = BENCHES[name].measure(options)
            keep(replace(result, machine=bench_output.this_machine(), seconds=round(time.monotonic() - begin)))
        except Failure as error:
            if len(names) == 1:
                raise
            failed.append(name)
            say(f"{name} failed: {error}")
    if failed:
        raise Failure(f"failed: {', '.join(failed)}")
    say(f"Results: {BUILD / 'bench'}")
    return 0


def keep(result: Result) -> None:
    bench_output.write(result, BUILD / "bench")
    plots.draw(BUILD / "bench" / f"{result.name}.svg", bench_plots.panels(result))
    bench_output.print_table(result)
