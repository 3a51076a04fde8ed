"""A replacement under load, traced, as a file for Perfetto."""

import json
import sys
import time

sys.path.append(str(__import__("pathlib").Path(__file__).resolve().parents[1] / "tools"))

import perfetto  # noqa: E402
from antlib.trace import SLOTS, Converter, as_perfetto, collect  # noqa: E402
from harness import Machine  # noqa: E402
from inet_failures import Busy, Echo  # noqa: E402

PHASES = {"replacement", "create", "without service", "hand over", "start and initialise", "commit", "restore, first request"}


def test_a_replacement_under_load():
    with Machine("trace") as guest:
        guest.wait_for_network()
        echo = Echo(guest)
        # Slow enough for the newest records to hold all of the replacement, and without long pauses.
        load = Busy(lambda number: (echo.ask(b"%06d" % number), time.sleep(0.01)))
        guest.run("trace on")
        old, new = pids(guest.run("replace rtl8139"))
        load.go_on(2)
        guest.run("trace off")
        load.finish()
        recording = collect(guest.console)
    converter = Converter(recording)
    events = json.loads(as_perfetto(converter.convert()))["traceEvents"]
    perfetto.check(events)
    slices = [event for event in events if event["ph"] == "X"]
    slot = next(slot for slot, name in recording.slots.items() if name == "rtl8139")
    assert {event["name"] for event in slices if event["pid"] == SLOTS + slot} == PHASES
    [without] = [event for event in slices if event["name"] == "without service"]
    # The process before runs until then, the new one from then on.
    assert all(event["ts"] <= without["ts"] + without["dur"] for event in slices if event["pid"] == old and event["cat"] == "process"
               and event["name"] != "runs")
    assert any(event["pid"] == new and event["ts"] > without["ts"] for event in slices)
    functions = {call.function for call in converter.calls}
    assert {"inet.send", "inet.ethinput", "guardian.replace"} <= functions
    # A send goes on to the driver, and is answered from there.
    stages = [{point.pid for point in call.points} for call in converter.calls if call.function == "inet.send"]
    assert any(stage & {old, new} for stage in stages)
    guardian = next(call for call in converter.calls if call.function == "guardian.replace")
    assert not guardian.synchronous and len(guardian.points) >= 4  # the shell itself can be replaced meanwhile


def pids(output: str) -> tuple[int, int]:
    fields = dict(word.split("=") for word in output.split() if "=" in word)
    return int(fields["old_pid"]), int(fields["new_pid"])
