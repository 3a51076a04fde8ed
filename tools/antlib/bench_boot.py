"""`tools/ant bench boot`: from power-on to the prompt by phase. The core and the servers say when they began; what was executed
before the core, and its parts, are counted by the plugin of QEMU (tools/plugin/steps.cpp): each from its first instruction to that of
the next."""

import subprocess
from dataclasses import replace
from pathlib import Path

from antlib import bench_guest, bench_network, qemu
from antlib.bench_output import Figure, Result
from antlib.paths import BUILD, IMAGE
from antlib.progress import Failure

KERNEL = BUILD / "kernel/kernel"
BOOT_SECTOR = 0x7C00  # where the firmware loads GRUB's first part, on the BIOS's way
# A phase of the core, and the function with which it begins (as `nm -C` writes it).
CORE_PHASES = {
    "core.processor": "ant::arch::detect_features", "core.boot_information": "ant::arch::read_multiboot",
    "core.address_space": "ant::arch::build_kernel_space", "core.screen": "ant::arch::text_screen::init",
    "core.acpi": "ant::arch::read_acpi", "core.interrupts": "ant::arch::interrupts::init", "core.timer": "ant::arch::timer::init",
    "core.memory": "ant::arch::kernel_main", "core.guardian": "ant::core::(anonymous namespace)::create_guardian",
}
SIGNATURE_BYTES = 4  # of the core's entry: up to the RDTSC, with which a block of the emulator's begins
SERVERS = "servers"  # from the first process on


def measure(timeout: float) -> Result:
    result = bench_guest.measure("boot", timeout, [])
    return replace(result, figures=[*result.figures, *phases(timeout)], notes=[
        *result.notes, "phase: instructions from the first of it to the first of the next, idling left out; firmware: SeaBIOS; core.entry: up to "
        "the first C++ function; core.guardian: the process of the guardian is made; created: ns from the core's entry on"])


def measure_memory(timeout: float) -> Result:
    result = bench_guest.measure("memory", timeout, [])
    text = bench_network.figure("memory.core.text_and_constants", [sum(section_bytes(name) for name in (".text", ".rodata"))], "bytes")
    return replace(result, figures=[text, *result.figures])


def section_bytes(name: str) -> int:
    listing = subprocess.run(["readelf", "-SW", KERNEL], check=True, capture_output=True, text=True).stdout
    fields = next(line.split("]")[1].split() for line in listing.splitlines() if f"] {name} " in line)
    return int(fields[4], 16)


def places() -> list[tuple[str, int, bytes]]:
    entry = entry_point()
    return [("grub", BOOT_SECTOR, b""), ("core.entry", physical(entry), bench_network.code_at(KERNEL, entry, SIGNATURE_BYTES)),
            *((phase, bench_network.address_of(KERNEL, function), b"") for phase, function in CORE_PHASES.items()),
            (SERVERS, bench_network.address_of(KERNEL, "ant::core::start_process"), b"")]


def entry_point() -> int:
    header = subprocess.run(["readelf", "-hW", KERNEL], check=True, capture_output=True, text=True).stdout
    return next(int(line.split()[-1], 16) for line in header.splitlines() if "Entry point" in line)


def physical(address: int) -> int:
    headers = subprocess.run(["readelf", "-lW", KERNEL], check=True, capture_output=True, text=True).stdout
    for fields in (line.split() for line in headers.splitlines()):
        if fields[:1] == ["LOAD"] and int(fields[2], 16) <= address < int(fields[2], 16) + int(fields[5], 16):
            return address - int(fields[2], 16) + int(fields[3], 16)
    raise Failure(f"{KERNEL}: nothing at {address:x}")


def phases(timeout: float) -> list[Figure]:
    bench_network.build_plugin()
    marks, counted = BUILD / "log/boot-places", BUILD / "log/boot-steps"
    marks.write_text("".join(f"{name} {address:x} {code.hex() or '-'}\n" for name, address, code in places()), encoding="utf-8")
    machine = qemu.Options(image=IMAGE, icount=True, cards=bench_guest.cards(1), reboot=False,
                           extra=["-plugin", f"{bench_network.PLUGIN},marks={marks},out={counted},whole=on"])
    bench_guest.with_console(machine, "bench-boot-phases", timeout, lambda console: None)
    return figures(counted)


def figures(counted: Path) -> list[Figure]:
    """Of one line, written when QEMU ended: the prompt's own phase has no end in it."""
    passed = {name: int(count) for name, count in (field.split(":") for field in counted.read_text(encoding="utf-8").split())}
    names = ["grub", "core.entry", *CORE_PHASES, SERVERS]
    missing = [name for name in names if name not in passed]
    if missing:
        raise Failure(f"the boot did not come by {', '.join(missing)}")
    begins = [0, *(passed[name] for name in names)]
    return [bench_network.figure(f"boot.phase.{name}", [end - begin])
            for name, begin, end in zip(["firmware", *names], begins, begins[1:])]
