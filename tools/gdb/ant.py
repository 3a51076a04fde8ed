"""Commands for gdb that know AnT: processes, slots, queues, ICAs. Loaded by `tools/ant debug`.

  ant processes          every process: pid, state, slot, program, where it is
  ant slots              every slot: process, queues, calls in work, areas
  ant queue SLOT         requests, results, current and deferred calls of a slot
  ant icas [SLOT]        areas of a slot, or a sum per owner
  ant program NAME       adds the symbols of a server or application
"""

import os
from pathlib import Path

import gdb

ICA_BASE = 0x400000000000
NO_PAGE = 0xFFFFFFFF
PROGRAMS = Path(os.environ.get("ANT_BUILD", "build")) / "programs"


def core(name: str) -> gdb.Value:
    return gdb.parse_and_eval(f"'ant::core::{name}'")


def table(name: str) -> list[gdb.Value]:
    values = core(name)
    first, last = values.type.range()
    try:
        values[first].fetch_lazy()
    except gdb.MemoryError:
        raise gdb.GdbError("the core is not running yet: `break kernel_start`, `continue`") from None
    return [values[index] for index in range(first, last + 1)]


def text(value: gdb.Value) -> str:
    return value.string(errors="replace").split("\0")[0]


def state(value: gdb.Value) -> str:
    return str(value).rsplit("::", 1)[-1]


def chain(first: gdb.Value):
    """Control ICAs of an intrusive list, front to back."""
    while int(first):
        yield first.dereference()
        first = first["link"]["next"]


def live_slots() -> list[gdb.Value]:
    return [slot for slot in table("slots") if bool(slot["alive"])]


def slot_called(name: str) -> gdb.Value:
    for slot in live_slots():
        if text(slot["name"]) == name:
            return slot
    raise gdb.GdbError(f"no slot {name}; there are: {' '.join(text(slot['name']) for slot in live_slots())}")


class Ant(gdb.Command):
    """AnT's processes, slots, queues and ICAs: ant processes | slots | queue SLOT | icas [SLOT] | program NAME"""

    def __init__(self):
        super().__init__("ant", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, argument, from_tty):
        print(self.__doc__)


class Processes(gdb.Command):
    """Every process: pid, state, priority, slot, program, instruction pointer."""

    def __init__(self):
        super().__init__("ant processes", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        print(f"{'pid':>6} {'state':12} {'prio':>4} {'slot':16} {'program':16} {'rip':>18} {'cr3':>12}")
        for process in table("processes"):
            if state(process["state"]) == "free":
                continue
            slot = text(process["slot"]["name"]) if int(process["slot"]) else "-"
            print(f"{int(process['pid']):6} {state(process['state']):12} {int(process['priority']):4} {slot:16} "
                  f"{text(process['program']):16} {int(process['context']['rip']):#18x} {int(process['cr3']):#12x}")


class Slots(gdb.Command):
    """Every slot: its process, queues, calls in work and areas."""

    def __init__(self):
        super().__init__("ant slots", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        print(f"{'slot':16} {'pid':>6} {'queued':>6} {'results':>7} {'current':>7} {'deferred':>8} {'areas':>6} {'pages':>7}")
        for slot in live_slots():
            pid = str(int(slot["process"]["pid"])) if int(slot["process"]) else "-"
            print(f"{text(slot['name']):16} {pid:>6} {int(slot['queued']):6} {int(slot['result_count']):7} "
                  f"{'yes' if int(slot['current']) else '-':>7} {int(slot['deferred_count']):8} "
                  f"{int(slot['area_count']):6} {int(slot['area_pages']):7}")


class Queue(gdb.Command):
    """Calls of a slot: requests waiting, results waiting, current and deferred ones."""

    def __init__(self):
        super().__init__("ant queue", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        slot = slot_called(argument.strip())
        if int(slot["current"]):
            self.show("current", slot["current"].dereference())
        for title in ("requests", "results", "deferred"):
            for control in chain(slot[title]["first_"]):
                self.show(title, control)

    def show(self, title: str, control: gdb.Value) -> None:
        depth = int(control["depth"])
        stages = []
        for stage in range(depth):
            frame = control["frames"][stage]
            requester = text(frame["requester"]["name"]) if int(frame["requester"]) else "?"
            stages.append(f"{requester} -> {self.function(int(frame['function']))}")
        print(f"{title:9} call {int(control['id'])} at {int(control['address']):#x}: {'; '.join(stages) or 'no frame'}")

    @staticmethod
    def function(identifier: int) -> str:
        for function in table("functions"):
            if int(function["id"]) == identifier:
                return text(function["name"])
        return f"function {identifier:#x}"


class Icas(gdb.Command):
    """Areas of a slot; without an argument, how many pages each owner has."""

    def __init__(self):
        super().__init__("ant icas", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        pool = core("pool")
        if not argument.strip():
            for slot in live_slots():
                print(f"{text(slot['name']):16} {int(slot['area_count']):6} areas {int(slot['area_pages']):8} pages")
            print(f"{'free':16} {'':12} {int(pool['free_']):8} pages")
            return
        slot = slot_called(argument.strip())
        info = pool["info_"]["_M_ptr"]
        page = int(slot["first_area"])
        while page != NO_PAGE:
            head = info[page]
            loan = ", on loan" if int(head["loans"]) else ""
            print(f"{ICA_BASE + page * 4096:#x} {int(head['pages']):6} pages{loan}")
            page = int(head["next"])


class Program(gdb.Command):
    """Adds the symbols of a server or application, by its name in the boot archive."""

    def __init__(self):
        super().__init__("ant program", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        path = PROGRAMS / argument.strip()
        if not path.is_file():
            raise gdb.GdbError(f"{path}: not built")
        gdb.execute(f"add-symbol-file {path}")


gdb.execute("set pagination off")
gdb.execute("set confirm off")
for command in (Ant, Processes, Slots, Queue, Icas, Program):
    command()
print("AnT: `ant processes`, `ant slots`, `ant queue SLOT`, `ant icas [SLOT]`, `ant program NAME`")
