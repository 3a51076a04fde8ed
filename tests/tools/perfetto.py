"""What a trace for Perfetto has to be: times in order, slices of a track nested, flows with one beginning and one end on slices."""

from collections import defaultdict


def check(events: list[dict]) -> None:
    shown = [event for event in events if event["ph"] != "M"]
    assert all(before["ts"] <= after["ts"] for before, after in zip(shown, shown[1:])), "times go back"
    named = {event["pid"] for event in events if event["ph"] == "M" and event["name"] == "process_name"}
    assert {event["pid"] for event in shown} <= named, "a track without a name"
    slices = defaultdict(list)
    for event in shown:
        if event["ph"] == "X":
            assert event["dur"] >= 0
            slices[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
    for track, spans in slices.items():
        check_nesting(track, spans)
    check_flows(shown, slices)


def check_nesting(track, spans: list[tuple[float, float, str]]) -> None:
    tolerance = 1e-6  # microseconds, of numbers with a fraction
    open_spans = []
    for begin, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        while open_spans and open_spans[-1][0] <= begin + tolerance:
            open_spans.pop()
        assert not open_spans or end <= open_spans[-1][0] + tolerance, f"{name} on {track} sticks out of {open_spans[-1][1]}"
        open_spans.append((end, name))


def check_flows(events: list[dict], slices) -> None:
    flows = defaultdict(list)
    for event in events:
        if event["ph"] in "stf":
            flows[event["id"]].append(event)
    for points in flows.values():
        phases = "".join(point["ph"] for point in points)
        assert phases[0] == "s" and phases[-1] == "f" and set(phases[1:-1]) <= {"t"}, phases
        assert len({point["name"] for point in points}) == 1
        for point in points:
            track = slices[point["pid"], point["tid"]]
            assert any(begin - 1e-6 <= point["ts"] <= end + 1e-6 for begin, end, _ in track), f"{point} hangs in the air"
