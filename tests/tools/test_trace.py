"""From records of the trace buffer to a file for Perfetto."""

import json

import perfetto
import pytest
from antlib.trace import SLOTS, Converter, Recording, as_perfetto, step_rows

REQUEST, RESULT = 1, 2
CONTROL, FUNCTION, NEXT_FUNCTION = 0x400007803000, 0x1234, 0x5678


class Core:
    """Records as the core writes them."""

    def __init__(self):
        self.records, self.time = [], 1000

    def add(self, kind: str, pid: int, detail: int = 0, a: int = 0, b: int = 0, call: str = "") -> None:
        self.time += 100
        self.records.append({"time_ns": self.time, "pid": pid, "kind": kind, "detail": detail, "a": a, "b": b}
                            | ({"call": call} if call else {}))

    def call(self, pid: int, name: str, a: int = 0, b: int = 0) -> None:
        self.add("call", pid, a=a, b=b, call=name)

    def leave(self, pid: int, receipt: int = 0, control: int = 0) -> None:
        self.add("leave", pid, a=receipt, b=control)

    def replacement(self, pid: int, event: int) -> None:
        self.add("replacement", pid, detail=event, a=7)


@pytest.fixture(name="core")
def empty_trace():
    return Core()


def convert(core: Core) -> tuple[Converter, list[dict]]:
    converter = Converter(Recording(core.records, {3: "inet", 4: "rtl8139", 8: "web"}, {7: "rtl8139"},
                                    {FUNCTION: "inet.send", NEXT_FUNCTION: "rtl8139.transmit"}))
    events = json.loads(as_perfetto(converter.convert()))["traceEvents"]
    perfetto.check(events)
    return converter, events


def sequence(converter: Converter, call: int = 0) -> list[tuple[int, str]]:
    return [(point.pid, point.what) for point in converter.calls[call].points]


def synchronous_call(core: Core) -> None:
    core.call(8, "request", FUNCTION, CONTROL)
    core.leave(3, REQUEST, CONTROL)
    core.call(3, "reply_and_receive", CONTROL)
    core.leave(8)


def test_a_synchronous_call(core):
    core.call(3, "receive")
    core.leave(8)
    synchronous_call(core)
    core.call(8, "wait")
    converter, events = convert(core)
    assert sequence(converter) == [(8, "asks"), (3, "gets it"), (3, "answers"), (8, "has the result")]
    assert {event["name"] for event in events if event["ph"] in "stf"} == {"inet.send"}
    names = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert {"inet", "web"} <= names


def test_the_server_waited_before_the_trace_began(core):
    core.leave(8)
    synchronous_call(core)
    converter, _ = convert(core)
    assert sequence(converter)[1] == (3, "gets it")


def test_through_two_servers_and_straight_back(core):
    core.leave(8)
    core.call(8, "request", FUNCTION, CONTROL)
    core.leave(3, REQUEST, CONTROL)
    core.call(3, "forward_and_receive", NEXT_FUNCTION, CONTROL)
    core.leave(4, REQUEST, CONTROL)
    core.call(4, "reply_and_receive", CONTROL)
    core.leave(8)
    converter, _ = convert(core)
    assert sequence(converter) == [(8, "asks"), (3, "gets it"), (3, "passes on as rtl8139.transmit"), (4, "gets it"),
                                   (4, "answers"), (8, "has the result")]
    rows = step_rows(converter.recording, converter.calls)
    assert rows[0] == ("inet.send", "1", "500", "500", "500")
    assert [row[0].strip() for row in rows[1:]] == [
        "web asks, inet gets it", "inet works, passes on as rtl8139.transmit", "inet passes on as rtl8139.transmit, rtl8139 gets it",
        "rtl8139 works, answers", "rtl8139 answers, web has the result"]


def test_an_asynchronous_call(core):
    core.leave(3)
    core.call(3, "request_async", NEXT_FUNCTION, CONTROL)
    core.leave(3)
    core.call(3, "receive")
    core.leave(4, REQUEST, CONTROL)
    core.call(4, "reply_and_receive", CONTROL)
    core.leave(3, RESULT | NEXT_FUNCTION << 32, CONTROL)
    converter, _ = convert(core)
    assert sequence(converter) == [(3, "asks"), (4, "gets it"), (4, "answers"), (3, "has the result")]


def test_calls_without_an_end_or_a_beginning_make_no_arrow(core):
    core.leave(4, REQUEST, CONTROL)
    core.call(4, "reply_and_receive", CONTROL)
    core.leave(8)
    core.call(8, "request", FUNCTION, CONTROL)
    core.leave(3, REQUEST, CONTROL)
    converter, events = convert(core)
    assert converter.calls == []
    assert not [event for event in events if event["ph"] in "stf"]


def test_nobody_runs_until_an_interrupt(core):
    core.leave(4)
    core.call(4, "receive")
    idle_from = core.time
    core.add("interrupt", 0, detail=43)
    core.leave(4)
    core.call(4, "wait")
    _, events = convert(core)
    idle = [event for event in events if event.get("cat") == "idle"]
    assert [(event["ts"], event["dur"]) for event in idle] == [(idle_from / 1000, 0.1)]


@pytest.mark.parametrize("order", [[2, 6, 7, 3, 4, 5, 8, 9, 12, 10], [2, 3, 4, 5, 6, 7, 8, 9, 12, 10]])
def test_phases_of_a_replacement(core, order):
    core.leave(1)
    core.call(1, "server_replace")
    asked = core.time
    for event in order:
        core.replacement(12, event)
    core.leave(12)
    core.call(12, "receive")
    end = core.time
    core.leave(1)
    _, events = convert(core)
    spans = {event["name"]: (event["ts"], event["ts"] + event["dur"]) for event in events if event["pid"] == SLOTS + 7
             and event["ph"] == "X"}
    assert spans["replacement"] == (asked / 1000, end / 1000)
    assert set(spans) == {"replacement", "create", "without service", "hand over", "start and initialise", "commit",
                          "restore, first request"}
    begin, until = spans["without service"]
    inside = begin <= spans["start and initialise"][0] <= until
    assert inside == (order[1] == 3)


def test_a_replacement_that_is_cut_off_is_left_out(core):
    core.leave(1)
    core.call(1, "server_replace")
    for event in (2, 6, 7):
        core.replacement(12, event)
    _, events = convert(core)
    assert not [event for event in events if event["pid"] == SLOTS + 7 and event["ph"] == "X"]
