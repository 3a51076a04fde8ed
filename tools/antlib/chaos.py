"""`tools/ant chaos`: faults in running servers, under load, from a seed.

One fault at a time: inject, watch, and when nothing has shown, end the damaged process, so that the next fault meets
clean text. Every draw comes from the seed, so a run can be repeated; what the load does at the moment of a fault cannot."""

import json
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field

from antlib import bench_guest, bench_output, build, faults, qemu, setup
from antlib.bench_output import Figure, Result
from antlib.guest_console import ConsoleClosed, ConsoleTimeout, CorePanic, GuestConsole
from antlib.load import Load
from antlib.paths import BUILD, IMAGE
from antlib.progress import Failure, Progress, say

TARGETS = ("rtl8139", "inet")
WATCH = 0.4  # s, what a fault has to show itself
WINDOW_TABLES = 3 * 64  # that the slots of driver, inet and web can have: one each for each 2 MiB of the machine's memory
AT_HAND = 16  # pages that servers may keep for their next work, more or fewer than before
PATIENCE = 60  # s, until a server that does not come back is given up; the machine may be busy
UNDETECTED_PATIENCE = 10  # s, until one that works wrongly, and that nothing found, is killed
DAMAGE = re.compile("damage: .*")  # the core about memory that has changed by itself
WRONG_USAGE = 2  # exit status of a command that was not understood
COUNTS = ("injected", "activated", "manifested", "detected", "recovered", "unrecovered", "wild_dma", "core_crashes", "bytes_lost")


def add_arguments(parser) -> None:
    parser.add_argument("--seed", type=int, metavar="N", help="default: a new one, which is printed")
    parser.add_argument("--faults", type=int, default=100, metavar="N", help="per target (default 100)")
    parser.add_argument("--target", action="append", metavar="NAME", help=f"repeatable; default: {', '.join(TARGETS)}")
    parser.add_argument("--first", type=int, default=1, metavar="K", help="begins with the K-th fault of the seed")
    parser.add_argument("--only", type=int, metavar="K", help="only the K-th fault of the seed, counted from 1")
    parser.add_argument("--kind", choices=[*faults.CODE_FAULTS, *faults.OTHER_FAULTS], metavar="KIND",
                        help="only faults of this kind")


@dataclass
class Outcome:
    number: int
    fault: faults.Fault
    cause: str = ""  # as the guest's fault record says; empty: nothing failed
    where: str = ""
    refused: str = ""  # what a command said that failed
    executed: bool = False
    unrecovered: str = ""  # why
    cured: bool = False  # it works again after `kill`
    others: list[str] = field(default_factory=list)  # that ended, too
    trouble: list[str] = field(default_factory=list)  # with transfers

    def __str__(self) -> str:
        place = f" in {self.fault.place}" if self.fault.place else ""
        result = self.cause + (f" at {self.where}" if self.where else "") if self.cause else "no failure"
        details = [self.unrecovered + (" until it is killed" if self.cured else "")] if self.unrecovered else []
        details += ([f"said: {self.refused}"] if self.refused else []) + self.others + self.trouble
        return f"fault {self.number}: {self.fault.kind}{place}: {result}" + "".join(f"; {detail}" for detail in details)


class CoreCrash(Exception):
    """The inner core panicked or the machine is gone."""


class Guest:
    """A booted machine with load on it."""

    def __init__(self, log):
        log.parent.mkdir(parents=True, exist_ok=True)
        port = qemu.any_free_port()
        options = qemu.Options(image=IMAGE, reboot=False, forwards=[f"tcp:127.0.0.1:{port}-:80"])
        with open(log.with_suffix(".qemu.log"), "ab") as errors:
            self.process, serial = qemu.start_with_socket(options, stdout=errors, stderr=errors)
        self.console = GuestConsole(serial, log)
        self.load = Load(port)
        self.newest_fault = self.damage = 0

    def __enter__(self):
        try:
            self.console.until_prompt()
            self.wait_for_web()
            self.load.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.load.end()
        self.process.kill()
        self.process.wait()
        self.console.close()

    def wait_for_web(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.load.fetch(0)
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise Failure("the guest's web server does not answer") from None
                time.sleep(0.3)

    def command(self, line: str) -> str:
        try:
            return self.console.output_of(line, PATIENCE)
        except (CorePanic, ConsoleClosed, OSError) as error:  # OSError: its end of the line is closed
            raise CoreCrash(str(error)) from error

    def give(self, line: str) -> str:
        """A command that does harm. -> what it said if it failed"""
        output = self.command(line).strip()
        status = self.console.status(PATIENCE)
        if status == WRONG_USAGE:
            raise Failure(f"`{line}`: {output}")
        return output if status != 0 else ""

    def listing(self, line: str):
        text = self.command(f"{line} --json")
        for line in text.splitlines():  # the log may print between
            if line.startswith(("[", "{")):
                return json.loads(line)
        raise Failure(f"`{line} --json` printed no JSON: {text!r}")

    def server(self, name: str) -> dict | None:
        return next(iter(self.listing(f"servers {name}")), None)

    def failures_since(self, number: int) -> list[dict]:
        rows = self.listing(f"faults {number}")
        self.newest_fault = max([number, *(row["number"] for row in rows)])
        return rows

    def last_fault(self) -> int:
        self.failures_since(self.newest_fault)
        return self.newest_fault

    def executed(self, pid: int) -> bool:
        """Whether that process got to the instruction that was changed."""
        return f"injection: pid {pid} reaches" in self.command("log")

    def new_damage(self) -> bool:
        """Whether the core found memory written to that nobody writes to, since this was asked last."""
        before, self.damage = self.damage, len(set(DAMAGE.findall(self.console.transcript)))
        return self.damage > before

    def why_not_served(self, name: str, patience: float = PATIENCE) -> str:
        """Empty when it has a process again, and bytes move."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            server = self.server(name)
            if server is None:
                return "it was given up"
            if not server["vacant"]:
                moves = self.load.progresses(max(1.0, deadline - time.monotonic()))
                return "" if moves else f"it has a process (pid {server['pid']}), but no transfer comes to its end"
            time.sleep(0.05)
        return "it has no process"

    def quiet_memory(self, target: str) -> dict:
        """The areas' listing when nothing is under way, and the target is a new process that has served."""
        self.load.pause()
        self.command(f"kill {target}")
        self.load.running.set()
        self.load.progresses(PATIENCE)
        self.load.pause()
        system, last, same = {}, -1, 0
        deadline = time.monotonic() + PATIENCE
        while same < 5 and time.monotonic() < deadline:
            time.sleep(0.3)
            system = self.listing("ica")
            same = same + 1 if system["free"] == last else 0
            last = system["free"]
            if system["audit"] != "ok":
                raise CoreCrash(f"the audit found {system['audit_errors']} errors")
        return system


def pages_by_owner(system: dict) -> dict[str, int]:
    """With those of control ICAs. One that nobody has any more keeps its page for the next who asks: as good as free."""
    pages = {row["owner"]: row["pages"] + row["controls"] for row in system["owners"]}
    kept = next(row["controls"] for row in system["owners"] if row["owner"] == "core")
    pages["core"] -= kept
    pages["free"] += kept
    return pages


class Run:
    """All faults of one target."""

    def __init__(self, target: str, options, seed: int):
        self.target = target
        self.seed = seed
        self.options = options
        program = BUILD / "programs" / target
        if not program.is_file():
            raise Failure(f"{target}: no such program", 2)
        self.planner = faults.Planner(program, seed, options.kind)
        self.count = Counter({name: 0 for name in COUNTS})
        self.kinds = Counter()
        self.outcomes = BUILD / "log" / f"chaos-{target}.txt"  # a line for each fault, while the run goes on
        self.unrecovered: list[str] = []
        self.corrupted: list[str] = []
        self.left_over = 0  # pages
        self.owners: list[str] = []  # whose memory differs

    def run(self, progress) -> None:
        planned = [self.planner.draw() for _ in range(self.options.faults)]
        waiting = list(enumerate(planned, 1))[self.options.first - 1:]
        if self.options.only is not None:
            waiting = [entry for entry in waiting if entry[0] == self.options.only]
        log = BUILD / "log" / f"chaos-{self.target}.log"
        log.unlink(missing_ok=True)
        self.outcomes.unlink(missing_ok=True)
        while waiting:
            waiting = self.boot_and_inject(waiting, log, progress)

    def boot_and_inject(self, waiting, log, progress):
        """Until none waits or the machine is lost. -> those still waiting"""
        with Guest(log) as guest:
            try:
                before = guest.quiet_memory(self.target)
                while waiting:
                    number, fault = waiting.pop(0)
                    progress.update((number - 1) / self.options.faults, f"fault {number}, {fault.kind}")
                    if not self.inject(guest, Outcome(number, fault)):
                        return waiting  # it did not come back: the next ones get a new machine
                self.compare(before, guest.quiet_memory(self.target))
                self.count["wild_dma"] += guest.new_damage()
            except CoreCrash as crash:
                self.stopped(guest, crash, "when memory was compared")
        return waiting

    def stopped(self, guest: Guest, crash: CoreCrash, when: str) -> None:
        """The core's fault, unless it says that memory was written to which nobody has: that was a device."""
        damaged = guest.new_damage()
        self.count["core_crashes"] += not damaged
        self.count["wild_dma"] += damaged
        self.unrecovered.append(f"the inner core stopped {'after wild DMA ' if damaged else ''}{when}: {crash}")

    def compare(self, before: dict, after: dict) -> None:
        pages = pages_by_owner(before)
        more = {owner: count - pages.get(owner, 0) for owner, count in pages_by_owner(after).items()}
        # Page tables of a slot's window stay for its next areas, until the slot ends.
        if 0 < more.get("core", 0) <= WINDOW_TABLES:
            more["free"] += more.pop("core")
        self.left_over -= more["free"]
        self.owners += [f"{owner} {count:+}" for owner, count in more.items() if count != 0 and owner != "free"]

    def inject(self, guest: Guest, outcome: Outcome) -> bool:
        """-> whether the machine is still good for the next fault"""
        fault = outcome.fault
        self.count["injected"] += 1
        self.kinds[fault.kind] += 1
        guest.load.running.set()
        guest.load.take_failures()
        before = guest.last_fault()
        try:
            damaged = (guest.server(self.target) or {}).get("pid", 0)
            for command in fault.commands:
                outcome.refused = outcome.refused or guest.give(command.format(name=self.target))
            failed = self.watch(guest, before, outcome)
            if not failed and fault.place:
                outcome.executed = guest.executed(damaged)
            outcome.unrecovered = guest.why_not_served(self.target, PATIENCE if failed else UNDETECTED_PATIENCE)
            if not failed and fault.place:
                guest.command(f"kill {self.target}")  # clean text for the next one
                outcome.cured = bool(outcome.unrecovered) and not guest.why_not_served(self.target)
            outcome.others = [f"{row['name']}: {row['cause']} at {row.get('place', '')}"
                              for row in guest.failures_since(before) if row["name"] != self.target and row["cause"] != "exit"]
        except ConsoleTimeout:
            outcome.unrecovered = "the console does not answer"
        except CoreCrash as crash:
            outcome.unrecovered = "the inner core stopped"
            self.stopped(guest, crash, f"by fault {outcome.number}")
        if (fault.place or not fault.stops_only) and (outcome.cured or not outcome.unrecovered):
            guest.load.pause()  # what this fault may have damaged is blamed on it, not on the next one
        if guest.new_damage():
            self.count["wild_dma"] += 1
            outcome.others.append("a device wrote to free memory")
        outcome.trouble += guest.load.take_failures()
        self.judge(outcome)
        with open(self.outcomes, "a", encoding="utf-8") as file:
            print(outcome, file=file)
        return outcome.cured or not outcome.unrecovered

    def watch(self, guest: Guest, before: int, outcome: Outcome) -> bool:
        """Waits until the fault shows. -> whether it did, by a failure of the target"""
        deadline = time.monotonic() + WATCH
        while True:
            failures = [row for row in guest.failures_since(before) if row["name"] == self.target]
            if failures:
                outcome.cause, outcome.where = failures[0]["cause"], failures[0].get("place", "")
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def judge(self, outcome: Outcome) -> None:
        shown = bool(outcome.cause or outcome.trouble)
        self.count["activated"] += shown or outcome.executed
        self.count["manifested"] += shown
        self.count["detected"] += bool(outcome.cause)
        self.count["recovered"] += bool(outcome.cause) and not outcome.unrecovered
        if outcome.unrecovered:
            self.count["unrecovered"] += 1
            self.unrecovered.append(self.with_seed(outcome))
        elif outcome.trouble and outcome.fault.stops_only:
            self.count["bytes_lost"] += Load(0).block * len(outcome.trouble)
            self.unrecovered.append(self.with_seed(outcome))
        elif outcome.trouble:
            self.corrupted.append(self.with_seed(outcome))

    def with_seed(self, outcome: Outcome) -> str:
        return f"{outcome} (--target {self.target} --seed {self.seed} --faults {self.options.faults} --only {outcome.number})"

    def pages_lost(self) -> int:
        return self.left_over if self.left_over > AT_HAND else 0

    def failed(self) -> bool:
        return bool(self.count["core_crashes"] or self.count["bytes_lost"] or self.pages_lost())


def report(run: Run) -> None:
    say(f"{run.target}: " + ", ".join(f"{name.replace('_', ' ')} {run.count[name]}" for name in COUNTS))
    say("  kinds: " + ", ".join(f"{kind} {count}" for kind, count in sorted(run.kinds.items())))
    for text in run.unrecovered:
        say(f"  not recovered: {text}")
    for text in run.corrupted:
        say(f"  damaged by the faulty code before it was found: {text}")
    if run.left_over > 0:
        say(f"  free memory: {run.left_over} pages fewer than before ({', '.join(run.owners)})")


def figure(name: str, value: int, unit: str) -> Figure:
    return Figure(name, value, unit, 1, {key: value for key in ("min", "p50", "p99", "max")}, {})


def main(options) -> int:
    targets = options.target or list(TARGETS)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    setup.ensure(setup.BUILD_PACKAGES, setup.RUN_PACKAGES, setup.BENCH_PACKAGES)
    build.image()
    say(f"seed {seed}")
    runs = [Run(target, options, seed) for target in targets]
    for run in runs:
        with Progress(f"Injecting {options.faults} faults into {run.target}") as progress:
            run.run(progress)
        report(run)
    figures = [figure(f"chaos.{run.target}.{name}", run.count[name], "bytes" if name == "bytes_lost" else "faults")
               for run in runs for name in COUNTS]
    figures += [figure(f"chaos.{run.target}.pages_lost", run.pages_lost(), "pages") for run in runs]
    notes = [f"seed {seed}, {options.faults} faults for each target"]
    notes += [text for run in runs for text in run.unrecovered + run.corrupted]
    bench_output.write(Result("chaos", bench_guest.commit(), "tcg", figures, notes), BUILD / "bench")
    return 1 if any(run.failed() for run in runs) else 0
