"""What the papers about AnT print, for the tables: figures beside ours, under the same id, with the machine of each.

P-ipc: communication between servers; P-tcp: TCP/IP; P-time: model of replacement and response time; P-nic: replacing the
NIC driver while data is sent. Times on hardware of 2001 to 2014 do not compare with instructions or with a clock of one
instruction per nanosecond: they show the shape, and what was small or large for the authors.
"""

from dataclasses import dataclass

P4 = "Pentium 4, 2.8 GHz"
CELERON = "Celeron D, 2.8 GHz, RTL8139; peer: Pentium 4, 2.8 GHz, RTL8139, FreeBSD 4.3"
CORE_I7 = "Core i7"
CORE_I7_DISK = "Core i7, 3.2 GHz, one core used, RTL8139, SATA disk of 7200 rpm"


@dataclass(frozen=True)
class Printed:
    id: str
    system: str
    value: float
    unit: str
    place: str  # paper and section
    machine: str

    def text(self) -> str:
        return f"{self.system} {self.value:,g} {self.unit}"


def chain() -> list[Printed]:
    """From the request to the result through three servers that only take and return."""
    measured = {"sequential": 154707, "direct": 103992}
    return [*(Printed(f"{name}.{how}", "AnT", clocks, "clocks", "P-ipc 4", P4)
              for name in ("ipc.chain3", "chain.3") for how, clocks in measured.items()),
            # The chain that these three servers stand for.
            Printed("chain.real.uncached.256k.sequential", "AnT, servers that only take and return", 154707, "clocks", "P-ipc 4", P4),
            Printed("chain.real.uncached.256k.direct", "AnT, servers that only take and return", 103992, "clocks", "P-ipc 4", P4)]


SEND_SIZES = (256, 512, 768, 1024)
# Table 3 of P-tcp: us by step, for each of SEND_SIZES, in the order in which a send() goes through them.
SEND_STEPS = {
    "AnT": {
        "before_request": (0.19, 0.32, 0.35, 0.32),  # in the program, before the request to inet
        "request": (5.13, 5.14, 5.13, 5.15),
        "inet": (0.08, 0.08, 0.08, 0.08),  # inet's work as a server
        "tcp": (2.67, 2.89, 3.15, 3.49),
        "ip": (0.53, 0.57, 0.52, 0.52),
        "ethernet": (0.14, 0.14, 0.14, 0.14),
        "before_driver_request": (0.13, 0.13, 0.13, 0.13),
        "driver_request": (6.91, 6.88, 6.87, 6.89),
        "driver": (0.04, 0.04, 0.04, 0.04),  # the driver's work as a server
        "nic": (4.25, 4.46, 4.66, 4.85),
        "before_result": (0.20, 0.20, 0.22, 0.20),
        "return": (3.11, 3.10, 3.09, 3.12),  # driver to program
        "taken": (0.20, 0.21, 0.21, 0.21),
        "total": (23.58, 24.16, 24.57, 25.13),
    },
    "FreeBSD 4.3": {
        "packet": (0.94, 0.99, 1.03, 1.10),  # with the copy of the data
        "tcp": (1.48, 1.72, 1.91, 2.18),
        "ip": (0.21, 0.21, 0.22, 0.21),
        "ethernet": (0.27, 0.26, 0.27, 0.27),
        "nic": (1.71, 1.99, 2.11, 2.27),
        "taken": (1.21, 1.13, 1.19, 1.21),
        "total": (5.82, 6.30, 6.73, 7.23),
    },
}


def send() -> list[Printed]:
    return [Printed(f"send.{size}.{step}", system, value, "us", "P-tcp 5.2, table 3", CELERON)
            for system, steps in SEND_STEPS.items() for step, values in steps.items()
            for size, value in zip(SEND_SIZES, values)]


def round_trip() -> list[Printed]:
    return [Printed("rtt.256.us", system, value, "us", "P-tcp 5.3", CELERON)
            for system, value in (("AnT", 152.82), ("FreeBSD 4.3", 122.27))]


MODEL_BASIC_MS, MODEL_DRIVER_MS, MODEL_DEVICE_MS = 7.4, 5, 15
MODEL_PARTS = ((10, 1), (15, 1), (20, 1), (1, 10), (1, 15), (1, 20))  # execution and return part, ms
MODEL_APS = range(1, 8)


def longest_replacement(basic: float, parts: tuple[int, int], aps: int) -> float:
    """P-time 4.2: the rest of an execution part and the driver's computation behind it, or the rest of a return part, in which
    the driver comes back as often as its wait fits in once there are enough requests."""
    execution, answer = parts
    interruptions = 0 if aps <= 2 else -(-answer // MODEL_DEVICE_MS)
    return basic + max(execution + MODEL_DRIVER_MS, answer + interruptions * MODEL_DRIVER_MS)


def model() -> list[Printed]:
    """Figures 7 to 10: those values that the text says; the others are in drawings only."""
    printed = []

    def add(parts: tuple[int, int], aps: int, what: str, value: float, section: str) -> None:
        printed.append(Printed(f"model.paper.{parts[0]}_{parts[1]}.{aps}.{what}", "AnT", value, "ms", f"P-time {section}", CORE_I7))

    for parts in MODEL_PARTS:
        for aps in MODEL_APS:
            add(parts, aps, "replace_min", MODEL_BASIC_MS, "4.2")
            if parts[1] == 1:
                add(parts, aps, "replace_max", longest_replacement(MODEL_BASIC_MS, parts, aps), "4.2.1, figure 7")
            elif aps <= 2 or aps >= 5:  # the text says nothing of 3 and 4
                add(parts, aps, "replace_max", longest_replacement(MODEL_BASIC_MS, parts, aps), "4.2.2, figure 8")
    add((10, 1), 1, "response_min", 31, "4.3, figure 9")
    add((10, 1), 1, "response_max", 38.4, "4.3, figure 9")
    add((10, 1), 6, "response_max", 123, "4.3, figure 9")
    printed += [Printed(f"model.quiet.10_1.{aps}.response_max", "AnT", value, "ms", "P-time 4.3, figure 9", CORE_I7)
                for aps, value in ((1, 31), (6, 106))]
    printed.append(Printed("model.paper.basic", "AnT", MODEL_BASIC_MS, "ms", "P-time 4.2.1", CORE_I7))
    return printed


def replacement() -> list[Printed]:
    return [Printed("replace.basic.planned.total", "AnT", 7.4, "ms", "P-time 4.2", CORE_I7),
            Printed("replace.rtl8139.planned.total", "AnT", 21.339, "ms, with the disk", "P-nic 3.2", CORE_I7_DISK),
            Printed("replace.rtl8139.planned.total", "MINIX 3", 56.735, "ms, with the disk", "P-nic 3.2", CORE_I7_DISK),
            # What replacing a driver of that size took, the larger part of it creating its process.
            Printed("create.30k", "AnT", 21.339, "ms for all of a replacement, with the disk", "P-nic 3.2", CORE_I7_DISK),
            Printed("create.67k", "AnT", 23.797, "ms for all of a replacement, with the disk", "P-nic 3.2", CORE_I7_DISK),
            *nic()]


def nic() -> list[Printed]:
    """The program read from the disk; AnT's driver had 30 KB, MINIX 3's 67 KB."""

    def printed(figure: str, system: str, value: float, unit: str) -> Printed:
        return Printed(f"nic.disk.cold.{figure}", system, value, unit, "P-nic 3.2, figure 3", CORE_I7_DISK)

    return [printed("30k.total", "AnT", 21.339, "ms"), printed("67k.total", "AnT", 23.797, "ms"),
            printed("67k.total", "MINIX 3", 56.735, "ms"), printed("30k.added", "AnT", 0.366, "ms"),
            printed("67k.added", "MINIX 3", 2.040, "ms"), printed("30k.places", "AnT", 3, "computations"),
            printed("67k.places", "MINIX 3", 4, "computations"), printed("30k.send", "AnT", 0.01, "ms"),
            printed("67k.send", "MINIX 3", 0.01, "ms")]


PRINTED = [*chain(), *send(), *round_trip(), *model(), *replacement()]


def beside(figure_id: str) -> list[Printed]:
    return [printed for printed in PRINTED if printed.id == figure_id]
