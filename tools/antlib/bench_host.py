"""Network benches whose other end is on the host: the same C program (user/bench/linux/network.c) under AnT and under Linux, with the
same card on the same wire. That is a tap device, or for a user who is not root QEMU's user network.

Instructions are counted by the plugin of QEMU (tools/plugin), of the whole guest, without idling; speed is by the host's clock, in plain
emulation, the systems in turn.
"""

import contextlib
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from antlib import bench_guest, bench_network, cc, linux_peer, network_peer, qemu, run, setup, tap
from antlib.bench_output import Figure, Result
from antlib.paths import BUILD, ROOT
from antlib.progress import Failure, say

SOURCE = ROOT / "user/bench/linux/network.c"
CARD = ["-device", "rtl8139,netdev=net0,romfile="]
MODULES = ("8139cp",)
# Each way. By the clock some seconds: in the first tenths the emulator still translates both systems' code.
EXACT_MIB, CLOCK_MIB, SEGMENT_BYTES = 16, 256, 1460
ROUNDS = 11  # boots of each system: the host wakes QEMU's threads faster in one than in another
# Its driver and QEMU's card now and then both wait for the other, for good; then once more from the start.
LINUX_ATTEMPTS, CARD_STOPPED = 5, "transmit queue 0 timed out"
CARD_UP = f"ip addr add {tap.GUEST_ADDRESS}/24 dev eth0; ip link set eth0 up"
SWAP = f"rmmod 8139cp; insmod /m/*-8139cp.ko; {CARD_UP}"
SWAPS = f"sleep 3; for swap in 1 2 3 4 5; do {SWAP}; sleep 2; done"
# What network.c measures for a bench, and by the clock; by what its samples are divided.
PARTS = {"send": "send", "rtt": "rtt", "throughput": f"bulk {EXACT_MIB}"}
CLOCK_PARTS = {"rtt": "rtt", "throughput": f"bulk {CLOCK_MIB}"}
DIVISORS = {"throughput": (EXACT_MIB << 20) / SEGMENT_BYTES}

System = Callable[[str, list[str], bool, float], str]  # network.c's arguments, further ones of QEMU, exact, seconds -> its output


def wire_kind() -> str:
    return "tap" if tap.possible() else "QEMU's user network, as this user is not root"


@contextlib.contextmanager
def wire():
    """-> how the card is connected, the other end"""
    if tap.possible():
        setup.ensure(("iproute2",))
        with tap.Wire() as device, network_peer.NetworkPeer(tap.HOST_ADDRESS) as peer:
            yield device.netdev, peer
    else:
        with network_peer.NetworkPeer("127.0.0.1") as peer:
            yield "user,id=net0", peer


def ant(arguments: str, options: list[str], exact: bool, timeout: float, further: str = "") -> str:
    """`further`: of the core's command line."""
    program = BUILD / "run/network"
    program.parent.mkdir(parents=True, exist_ok=True)
    cc.make([SOURCE], program, [])
    machine = qemu.Options(image=run.image_with([str(program)]), icount=exact, idle_waits=True, cards=options, reboot=False,
                           command_line=f"debug_exit=1 {further}")
    return bench_guest.output_of(machine, "bench-host", "network", f"run network {arguments}", timeout)


def ant_classic(arguments: str, options: list[str], exact: bool, timeout: float) -> str:
    return ant(arguments, options, exact, timeout, "rtl8139.mode=classic")


def linux(arguments: str, options: list[str], exact: bool, timeout: float, meanwhile: str = ":", source: Path = SOURCE) -> str:
    """`meanwhile`: a command that runs beside the program of `source`."""
    system = linux_peer.get()
    script = f"ip link set lo up; {CARD_UP}\n{{ {meanwhile}; }} &\n{source.stem} {arguments}"
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as folder:
        archive = linux_peer.initramfs(system, Path(folder), MODULES, (source,), script)
        for attempt in range(LINUX_ATTEMPTS):
            try:
                output = linux_peer.boot(system, archive, "bench-host-linux", machine="pc", exact=exact, devices=options, timeout=timeout,
                                         append="loglevel=5", hopeless=CARD_STOPPED)  # which is a warning
            except linux_peer.Hopeless as error:
                if attempt + 1 == LINUX_ATTEMPTS:
                    raise
                say(f"{error}: once more")
                continue
            if "bench network done" in output:
                return output
            break
    raise Failure(f"{source.stem} under Linux failed:\n{output[-2000:]}")


def instructions(system: System, name: str, timeout: float) -> list[Figure]:
    bench_network.build_plugin()
    counted = BUILD / "log/bench-host-steps"
    with wire() as (netdev, peer):
        options = ["-netdev", netdev, *CARD, "-plugin", f"{bench_network.PLUGIN},out={counted}"]
        output = system(f"{tap.HOST_ADDRESS} {peer.port} {PARTS[name]}", options, True, timeout)
    names = [line.split()[1] for line in output.splitlines() if line.startswith("series ")]
    divisor = DIVISORS.get(name, 1)
    series = [[round(int(count) / divisor) for count in re.findall(r"\bend:(\d+)", part)]
              for part in counted.read_text(encoding="utf-8").split("series\n")[1:]]
    return [bench_network.figure(identifier, values) for identifier, values in zip(names, series, strict=True)]


def speeds(systems: dict[str, System], name: str, timeout: float) -> list[Figure]:
    """By what stands in each system's figures instead of the bench's name."""
    samples: dict[str, list[float]] = {}
    for _round in range(ROUNDS):
        for prefix, system in systems.items():
            with wire() as (netdev, peer):
                system(f"{tap.HOST_ADDRESS} {peer.port} {CLOCK_PARTS[name]}", ["-netdev", netdev, *CARD], False, timeout)
            for identifier, values in peer.samples.items():
                samples.setdefault(f"{prefix}.{identifier.removeprefix(f'{name}.')}", []).extend(values)
    return [bench_network.figure(identifier, values, "us" if identifier.endswith("us") else "MB/s")
            for identifier, values in samples.items()]


def ratios(figures: list[Figure]) -> list[Figure]:
    """How many times faster than Linux."""
    values = {item.id: item.value for item in figures}
    return [bench_network.figure(f"{name.removesuffix('.mb_per_s')}.ratio_to_linux", [round(value / values[f"linux.{name}"], 2)], "times")
            for name, value in values.items() if name.endswith(".mb_per_s") and f"linux.{name}" in values]


def measure(name: str, result: Result, with_linux: bool, timeout: float) -> Result:
    """`result`, and what the other end on the host adds: the instructions of both systems counted in one way, the speed of both."""
    systems = {name: ant} | ({"throughput.classic": ant_classic} if name == "throughput" else {})
    if with_linux:
        systems[f"linux.{name}"] = linux
    counted = {"posix.": ant, "linux.": linux} if with_linux else {}
    figures = list(result.figures)
    for prefix, system in counted.items():
        figures += [replace(item, id=prefix + item.id) for item in instructions(system, name, timeout)]
    if name != "send":
        figures += speeds(systems, name, timeout)
        figures += ratios(figures)
    return replace(result, figures=figures, notes=[*result.notes, f"MB/s, us, posix, linux: user/bench/linux/network.c, with the "
                                                   f"other end on the host over {wire_kind()}; posix: under AnT"])


def linux_nic(samples: int, timeout: float) -> str:
    """What user/bench/linux/nic.c prints; exact, the other end on the host."""
    with wire() as (netdev, peer):
        return linux(f"{tap.HOST_ADDRESS} {peer.port} {samples} '{SWAP}'", ["-netdev", netdev, *CARD], True, timeout,
                     source=SOURCE.with_name("nic.c"))


def linux_nic_swap(timeout: float) -> Result:
    """The driver's module unloaded and loaded again, five times, under one stream; the address given again, no further tricks."""
    with wire() as (netdev, peer):
        output = linux(f"{tap.HOST_ADDRESS} {peer.port} stall", ["-netdev", netdev, *CARD], False, timeout, SWAPS)
    figures = [*bench_guest.parse("nicswap", output).figures,
               *(bench_network.figure(identifier, values, "ns") for identifier, values in peer.samples.items())]
    return Result("nicswap", bench_guest.commit(), "tcg", [replace(item, id=f"linux.{item.id}") for item in figures],
                  [f"linux: rmmod, insmod, address and link, five times under a stream to the host over {wire_kind()}; by the host's clock"])
