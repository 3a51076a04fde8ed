"""`tools/ant trace`: what the inner core did, as a file for Perfetto (https://ui.perfetto.dev) or chrome://tracing, and a table
of the steps of each call.

A track for each process and one for each slot that was replaced; requests are flows (arrows) from the requester through all
servers and back.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from antlib import bench_guest, build, qemu, setup
from antlib.bench_output import grouped
from antlib.guest_console import GuestConsole
from antlib.paths import BUILD, IMAGE
from antlib.progress import Failure, Progress, say

REQUESTS = ("request", "request_async")
FORWARDS = ("forward", "forward_and_receive")
REPLIES = ("reply", "reply_and_receive")
RECEIVES = ("receive", "reply_and_receive", "forward_and_receive")
RECEIPT_REQUEST, RECEIPT_RESULT = 1, 2
IDLE = 0  # pid of the track on which idle time is shown
SLOTS = 1_000_000  # pids of the tracks of slots begin behind it
SHOWN_CALLS = 12  # in the table


@dataclass
class Recording:
    """Records of `trace show --json`, and the names of what is in them."""
    records: list[dict]
    processes: dict[int, str] = field(default_factory=dict)
    slots: dict[int, str] = field(default_factory=dict)
    functions: dict[int, str] = field(default_factory=dict)

    def process(self, pid: int) -> str:
        return self.processes.get(pid, f"process {pid}")


@dataclass
class Point:
    """Of a call: somewhere on its way."""
    time: int
    pid: int
    what: str  # asks, gets, passes on, answers, has it


@dataclass
class Call:
    function: str
    points: list[Point]
    synchronous: bool


def collect(console: GuestConsole, timeout: float = 600) -> Recording:
    """Ends the tracing and fetches what was recorded. A long trace takes its time on the serial line."""
    def listing(command: str) -> list[dict]:
        output, status = console.command(command, timeout)
        if status != 0:
            raise Failure(f"`{command}` failed in the guest:\n{output}")
        return json.loads(output.strip().splitlines()[-1])

    recording = Recording(listing("trace show --json"))
    for row in listing("history --json"):
        recording.processes |= {row["old_pid"]: row["name"], row["new_pid"]: row["name"]}
    recording.processes |= {row["pid"]: row["name"] for row in listing("ps --json")}
    for row in listing("servers --json"):
        recording.slots[row["slot"]] = row["name"]
        recording.functions |= dict(zip(row["function_ids"], row["functions"]))
    return recording


class Converter:
    """Goes through the records once. Each stretch from one leaving of the core to the next belongs to the process that was left
    into; the part of it in the core lies inside."""

    def __init__(self, recording: Recording):
        self.recording = recording
        self.events: list[dict] = []
        self.calls: list[Call] = []  # complete ones
        self.under_way: dict[int, Call] = {}  # by control ICA
        self.asked: dict[int, Call] = {}  # by pid: its synchronous call
        self.pending: dict[int, str] = {}  # by pid: the system call that it is in
        self.seen: set[int] = set()
        self.work: dict[int, str] = {}  # by pid: the function that it works on
        self.running, self.since, self.entry = None, 0, None
        self.asker_time = 0  # of the last server_replace
        self.marks: dict[int, list[tuple[int, int, int]]] = defaultdict(list)  # by slot: time, event, new process
        self.first_receive: dict[int, list[int]] = defaultdict(list)  # by pid: when it went to receive

    def convert(self) -> list[dict]:
        for record in self.recording.records:
            getattr(self, "on_" + record["kind"])(record)
        if self.recording.records:
            self.end_stretch(self.recording.records[-1]["time_ns"])
        for number, call in enumerate(self.calls):
            self.add_flow(number, call)
        for slot, marks in self.marks.items():
            self.add_replacements(slot, marks)
        self.events.sort(key=lambda event: (event["ts"], -event.get("dur", 0)))
        return self.names() + self.events

    # Records -----------------------------------------------------------------------------------------------

    def on_call(self, record: dict) -> None:
        pid, time, name = record["pid"], record["time_ns"], record.get("call", "?")
        if self.running is None:  # the beginning of its stretch is older than the trace
            self.running, self.since = pid, time
        self.entry = record
        self.pending[pid] = name
        self.seen.add(pid)
        function = self.recording.functions.get(record["a"] & 0xffffffff, f"function {record['a'] & 0xffffffff:#x}")
        if name in REQUESTS:
            call = Call(function, [Point(time, pid, "asks")], name == "request")
            self.under_way[record["b"]] = call
            if call.synchronous:
                self.asked[pid] = call
        elif name in FORWARDS and record["b"] in self.under_way:
            self.under_way[record["b"]].points.append(Point(time, pid, f"passes on as {function}"))
        elif name in REPLIES and record["a"] in self.under_way:
            self.under_way[record["a"]].points.append(Point(time, pid, "answers"))
        elif name == "server_replace":
            self.asker_time = time
        if name in RECEIVES:
            self.first_receive[pid].append(time)

    def on_leave(self, record: dict) -> None:
        pid, time = record["pid"], record["time_ns"]
        self.end_stretch(time)
        # Of a process that has not been seen yet the trace does not have the system call that it was in.
        call = self.pending.pop(pid, None if pid in self.seen else "receive")
        self.seen.add(pid)
        if call in RECEIVES:
            self.work.pop(pid, None)
            self.receipt(pid, time, record["a"], record["b"])
        elif call == "request" and pid in self.asked:
            self.complete(self.asked.pop(pid), time, pid)
        self.running, self.since, self.entry = pid, time, None

    def receipt(self, pid: int, time: int, receipt: int, control: int) -> None:
        kind, call = receipt & 0xff, self.under_way.get(control)
        if call is None or kind not in (RECEIPT_REQUEST, RECEIPT_RESULT):
            return
        self.work[pid] = call.function
        if kind == RECEIPT_RESULT and not call.synchronous and call.points[0].pid == pid:
            self.complete(call, time, pid)
        else:
            call.points.append(Point(time, pid, "gets it"))

    def complete(self, call: Call, time: int, pid: int) -> None:
        call.points.append(Point(time, pid, "has the result"))
        self.calls.append(call)
        for control, other in list(self.under_way.items()):
            if other is call:
                del self.under_way[control]

    def on_interrupt(self, record: dict) -> None:
        self.seen.add(record["pid"])
        if record["pid"] == 0:
            self.idle_until(record["time_ns"])
        self.entry = record

    def on_replacement(self, record: dict) -> None:
        marks = self.marks[record["a"]]
        if record["detail"] == 2:  # event 1 is the system call of the asker
            marks.append((self.asker_time, 1, record["pid"]))
        marks.append((record["time_ns"], record["detail"], record["pid"]))

    def on_failure(self, record: dict) -> None:
        self.events.append({"ph": "i", "s": "p", "name": f"failure {record['detail']}", "ts": record["time_ns"] / 1000,
                            "pid": record["pid"], "tid": record["pid"]})

    # Slices ------------------------------------------------------------------------------------------------

    def add_slice(self, pid: int, name: str, category: str, begin: int, end: int) -> None:
        self.events.append({"ph": "X", "name": name, "cat": category, "ts": begin / 1000, "dur": (end - begin) / 1000,
                            "pid": pid, "tid": pid})

    def end_stretch(self, time: int) -> None:
        if self.running is None:
            return
        self.add_slice(self.running, self.work.get(self.running, "runs"), "process", self.since, time)
        if self.entry is not None:
            what = self.entry.get("call") or f"interrupt {self.entry['detail']}"
            self.add_slice(self.running, what, "core", self.entry["time_ns"], time)

    def idle_until(self, time: int) -> None:
        """Nobody runs since the last entry, or since the last interrupt of this kind."""
        begin = self.since if self.entry is None else self.entry["time_ns"]
        if self.running is not None:
            self.end_stretch(begin)
        self.add_slice(IDLE, "idle", "idle", begin, time)
        self.running, self.since = None, time

    def add_flow(self, number: int, call: Call) -> None:
        for n, point in enumerate(call.points):
            phase = "s" if n == 0 else "f" if n == len(call.points) - 1 else "t"
            self.events.append({"ph": phase, "id": number, "name": call.function, "cat": "call", "bp": "e",
                                "ts": point.time / 1000, "pid": point.pid, "tid": point.pid})

    # Replacements ------------------------------------------------------------------------------------------

    def add_replacements(self, slot: int, marks: list[tuple[int, int, int]]) -> None:
        """Phases by the events of P-time figure 5, for each replacement of which the trace has beginning and end."""
        times: dict[int, int] = {}
        for time, event, pid in marks:
            if event == 1:
                times = {}
            times[event] = time
            if event == 10 and {1, 2, 4, 5, 6, 7, 8} <= times.keys():
                self.add_replacement(SLOTS + slot, times, self.served_first(pid, time))

    def served_first(self, pid: int, after: int) -> int:
        return next((time for time in self.first_receive[pid] if time >= after), after)

    def add_replacement(self, track: int, times: dict[int, int], end: int) -> None:
        def span(name: str, begin: int, until: int) -> None:
            self.add_slice(track, name, "replacement", begin, until)

        span("replacement", times[1], end)
        span("create", times[1], times[2])
        span("without service", times[4], end)
        span("hand over", times[4], times[5])
        span("start and initialise", times[6], times[7])
        span("commit", times[8], times[10])
        span("restore, first request", times[10], end)

    # Names -------------------------------------------------------------------------------------------------

    def names(self) -> list[dict]:
        pids = sorted({event["pid"] for event in self.events})
        tracks = {pid: self.recording.process(pid) for pid in pids if pid < SLOTS}
        tracks |= {pid: f"slot {self.recording.slots.get(pid - SLOTS, pid - SLOTS)}" for pid in pids if pid >= SLOTS}
        tracks[IDLE] = "idle"
        return [{"ph": "M", "name": kind, "ts": 0, "pid": pid, "tid": pid, "args": {"name": name}}
                for pid, name in tracks.items() for kind in ("process_name", "thread_name")]


def as_perfetto(events: list[dict]) -> str:
    return json.dumps({"displayTimeUnit": "ns", "traceEvents": events}, indent=0) + "\n"


# The table ---------------------------------------------------------------------------------------------------


def step_rows(recording: Recording, calls: list[Call]) -> list[tuple[str, ...]]:
    """For each kind of call, the time between its points on the mean: calls that went the same way together."""
    ways: dict[tuple, list[list[int]]] = defaultdict(list)
    for call in calls:
        way = (call.function, tuple((recording.process(point.pid), point.what) for point in call.points))
        ways[way].append([after.time - before.time for before, after in zip(call.points, call.points[1:])])
    rows = []
    busiest = sorted(ways.items(), key=lambda item: -sum(map(sum, item[1])))
    for (function, points), times in busiest[:SHOWN_CALLS]:
        total = [sum(steps) for steps in times]
        rows.append((function, str(len(times)), mean(total), grouped(min(total)), grouped(max(total))))
        for n, ((name, before), (other, after)) in enumerate(zip(points, points[1:])):
            step = [steps[n] for steps in times]
            where = f"{name} works, {after}" if name == other and before != "asks" else f"{name} {before}, {other} {after}"
            rows.append((f"    {where}", "", mean(step), grouped(min(step)), grouped(max(step))))
    return rows


def mean(values: list[int]) -> str:
    return grouped(round(sum(values) / len(values)))


def print_steps(rows: list[tuple[str, ...]]) -> None:
    rows = [("call, and its steps", "n", "mean ns", "min", "max"), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]))


# The command -------------------------------------------------------------------------------------------------


def add_arguments(parser) -> None:
    parser.add_argument("commands", nargs="*", metavar="COMMAND", default=["replace rtl8139"],
                        help="typed at the prompt while the core traces (default: \"replace rtl8139\")")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, default=BUILD / "trace.json")
    parser.add_argument("--wall-clock", action="store_true", help="plain emulation instead of the instruction-exact mode")
    parser.add_argument("--timeout", metavar="S", type=float, default=600, help="of each command")


def main(options) -> int:
    setup.ensure(setup.BUILD_PACKAGES, setup.RUN_PACKAGES)
    build.image()
    with Progress("Tracing"):
        recording = record(options)
    converter = Converter(recording)
    options.output.write_text(as_perfetto(converter.convert()), encoding="utf-8")
    print_steps(step_rows(recording, converter.calls))
    say(f"{len(recording.records)} records; for https://ui.perfetto.dev or chrome://tracing: {options.output}")
    return 0


def record(options) -> Recording:
    machine = qemu.Options(image=IMAGE, icount=not options.wall_clock, cards=bench_guest.cards(1), reboot=False)
    return bench_guest.with_console(machine, "trace", options.timeout, lambda console: traced(console, options))


def traced(console: GuestConsole, options) -> Recording:
    console.command("trace on", options.timeout)
    for command in options.commands:
        output, status = console.command(command, options.timeout)
        print(re.sub(r"^", "  ", output.strip(), flags=re.MULTILINE))
        if status != 0:
            raise Failure(f"`{command}` failed in the guest with status {status}")
    console.command("trace off", options.timeout)
    return collect(console, options.timeout)
