#!/usr/bin/env python3
"""Checks the protocol of replacement and recovery with SPIN.

  check.py verify             every interleaving of recovery.pml, and that deliberate errors in it are found
  check.py traces PROGRAM     what the real core does (PROGRAM is a host test that writes down what it saw) is what
                              core.pml allows; forged traces are refused
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODELS = ("core.pml", "recovery.pml", "trace.pml")
TRACES_PER_RUN = 40
MTYPES = {"idle", "queued", "working", "deferred", "waits", "answered", "reply", "restarted", "died", "timed_out",
          "none", "preparing", "registered", "prepared", "stopped", "stopping", "starting"}
EVENTS = {"begin_world", "request", "run", "defer", "tell", "deliver", "deliver_again", "answer", "time_out", "hear", "abandon",
          "fail", "die", "end", "begin", "register", "hand_over", "go_on", "cancel", "slot", "call", "end_world"}

# One server calls another that is replaced with it.
NESTED = ["-DNESTED=1", "-DREQUESTS=2", "-DFAILURES=0", "-DLIMITS=0"]

# Errors of a core that the check has to notice: (what, text of core.pml, what it becomes).
MISTAKES = [
    ("deferred calls stay with a dead process",
     ":: nempty(put_off[s]) -> put_off[s]?x_; call[x_].place = waits; again[s]!x_",
     ":: nempty(put_off[s]) -> put_off[s]?x_"),
    ("the call in work is neither answered nor delivered again",
     ":: lost_ != NO_CALL && !call[lost_].safe -> give_answer(lost_, restarted); leave_calls(s, NO_CALL)",
     ":: lost_ != NO_CALL && !call[lost_].safe -> leave_calls(s, NO_CALL)"),
    ("the call in work is answered and delivered again",
     ":: lost_ != NO_CALL && !call[lost_].safe -> give_answer(lost_, restarted); leave_calls(s, NO_CALL)",
     ":: lost_ != NO_CALL && !call[lost_].safe -> give_answer(lost_, restarted); leave_calls(s, lost_)"),
    ("a call that is taken back is forgotten",
     "\t\tagain[s]!slot[s].current;\n\t\tslot[s].current = NO_CALL;\n\t\tput_behind(s)", "\t\tslot[s].current = NO_CALL"),
    ("the old process keeps the slot",
     ":: slot[s].process != NOBODY -> slot[s].owner[slot[s].process] = false\n\t:: else\n\tfi;\n\tslot[s].process = slot[s].fresh",
     ":: true\n\tfi;\n\tslot[s].process = slot[s].fresh"),
    ("nobody hears of a death",
     "inline die(s) {\n\tto_guardian = true;", "inline die(s) {"),
    ("a member of a transaction commits alone",
     ":: slot[0].state == stopped && slot[1].state == stopped -> commit(0); commit(1)",
     ":: slot[0].state == stopped -> commit(0)"),
    ("a replacement that fails leaves the old process waiting",
     "\tslot[s].fresh = NOBODY;\n\tslot[s].notice = false;\n\tslot[s].handing_over = false;\n\tslot[s].redeliver = false;",
     "\tslot[s].fresh = NOBODY;\n\tslot[s].notice = false;\n\tslot[s].redeliver = false;"),
]
NESTED_MISTAKES = [
    ("a server that has stopped does not go on, though another waits for it",
     "#define can_go_on(s)\t\t(slot[s].state == stopped && slot[s].handing_over)", "#define can_go_on(s)\t\tfalse"),
]


class Refused(Exception):
    pass


def run(command: list[str], folder: Path, status: int | None = 0) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if status is not None and result.returncode != status:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def search(folder: Path, core: str, options: list[str], analysis: list[str], flags: list[str]) -> str:
    """Explores all of recovery.pml. -> what SPIN says of it"""
    for name in MODELS:
        (folder / name).write_text(core if name == "core.pml" else (HERE / name).read_text(encoding="utf-8"), encoding="utf-8")
    run(["spin", "-a", *options, "recovery.pml"], folder)
    run(["gcc", "-O1", "-w", "-DCOLLAPSE", *analysis, "-o", "pan", "pan.c"], folder)
    return run(["./pan", "-m100000", *flags], folder, None)


def verify() -> None:
    core = (HERE / "core.pml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        said = search(folder, core, [], ["-DSAFETY"], [])
        require_sound(folder, said, "every interleaving")
        # No part of the model may be there in vain.
        for where, lines in re.findall(r"unreached in (.*)\n((?:\t.*\n)*)", said):
            never = [line for line in lines.splitlines() if "-end-" not in line and "(0 of" not in line and "states)" not in line]
            if never:
                raise SystemExit(f"never reached in {where}:\n" + "\n".join(never))
        said = search(folder, core, ["-DFAILURES=1", "-DLIMITS=0"], ["-DNP"], ["-l"])
        require_sound(folder, said, "no endless run")
        said = search(folder, core, NESTED, ["-DSAFETY"], [])
        require_sound(folder, said, "one member calls another")
        for options, mistakes in (([], MISTAKES), (NESTED, NESTED_MISTAKES)):
            for what, old, new in mistakes:
                require_noticed(folder, core, options, what, (old, new))


def require_noticed(folder: Path, core: str, options: list[str], what: str, mistake: tuple[str, str]) -> None:
    if core.count(mistake[0]) != 1:
        raise SystemExit(f"core.pml has no single place for the mistake: {what}")
    said = search(folder, core.replace(*mistake), options, ["-DSAFETY"], [])
    error = re.search(r"pan:1: (.*?) \(at depth", said)
    if error is None:
        raise SystemExit(f"not noticed: {what}\n{said}")
    print(f"noticed: {what}: {error.group(1)}", flush=True)


def require_sound(folder: Path, said: str, what: str) -> None:
    found = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d+) states, stored", said)
    if found is None or found.group(1) != "0" or states is None or "max search depth too small" in said:
        trail = run(["spin", "-t", "-p", "-g", "recovery.pml"], folder, None)
        raise SystemExit(f"{what}:\n{said}\n{trail}")
    print(f"{what}: {states.group(1)} states, no error", flush=True)


def as_promela(events: list[str]) -> str:
    """The events as a process that sends them. A line is an event and up to three numbers or names of core.pml."""
    lines = []
    for event in events:
        name, *values = event.split()
        if len(values) > 3 or any(not value.isdigit() and value not in MTYPES for value in values):
            raise SystemExit(f"not an event: {event}")
        values += ["0"] * (3 - len(values))
        lines.append(f"\tevents!e_{name}, {', '.join(values)};")
    return "\nactive proctype Trace() {\n" + "\n".join(lines) + "\n\tevents!e_no_more, 0, 0, 0\n}\n"


def accept(folder: Path, events: list[str]) -> None:
    (folder / "core.pml").write_text((HERE / "core.pml").read_text(encoding="utf-8"), encoding="utf-8")
    model = (HERE / "trace.pml").read_text(encoding="utf-8") + as_promela(events)
    (folder / "traced.pml").write_text(model, encoding="utf-8")
    said = run(["spin", "-T", "traced.pml"], folder, None)
    if re.search(r"^\s*accepted$", said, re.MULTILINE):
        return
    refused = re.search(r"refused: event (\d+)", said)
    if refused is None:
        raise Refused(said)
    n = int(refused.group(1))
    raise Refused("\n".join([*events[max(0, n - 40):n - 1], f"{events[n - 1]}   <-- not possible"]))


def without_comments(path: Path) -> list[str]:
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def traces(program: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = folder / "written"
        subprocess.run([program], env={**os.environ, "ANT_PROTOCOL_TRACE": str(written)}, check=True)
        worlds = split(without_comments(written))
        if not worlds:
            raise SystemExit(f"{program} has written no traces")
        unseen = (EVENTS | MTYPES) - {word for world in worlds for event in world for word in event.split()}
        if unseen:
            raise SystemExit(f"never seen: {' '.join(sorted(unseen))}")
        for start in range(0, len(worlds), TRACES_PER_RUN):
            events = [event for world in worlds[start:start + TRACES_PER_RUN] for event in world]
            try:
                accept(folder, events)
            except Refused as refused:
                raise SystemExit(f"the core did what the model does not allow:\n{refused}") from None
        print(f"accepted: {len(worlds)} traces with {sum(map(len, worlds))} events")
        for path in sorted((HERE / "forged").glob("*.trace")):
            check_forged(folder, path)


def split(events: list[str]) -> list[list[str]]:
    worlds: list[list[str]] = []
    for event in events:
        if event.startswith("begin_world"):
            worlds.append([])
        worlds[-1].append(event)
    return worlds


def check_forged(folder: Path, path: Path) -> None:
    """All but the last event is good, the last one is not."""
    events = without_comments(path)
    accept(folder, events[:-1])
    try:
        accept(folder, events)
    except Refused:
        print(f"refused: {path.stem}")
        return
    raise SystemExit(f"accepted, but forged: {path.name}")


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("verify")
    commands.add_parser("traces").add_argument("program")
    arguments = parser.parse_args()
    if arguments.command == "verify":
        verify()
    else:
        traces(arguments.program)


if __name__ == "__main__":
    sys.exit(main())
