"""A bench in a guest: a machine of its own in the instruction-exact mode, the lines that it prints as figures."""

import re
import subprocess
from collections.abc import Callable

from antlib import qemu, run
from antlib.bench_output import Figure, Result
from antlib.guest_console import ConsoleClosed, ConsoleTimeout, CorePanic, GuestConsole
from antlib.paths import BUILD, IMAGE, ROOT
from antlib.progress import Failure

FIELD = re.compile(r"(\w+)=(\S+)")
FIRST_SLOT = 4
COUNTS = ("cr3", "invlpg", "msr", "fpu", "mmio")


def cards(count: int) -> list[str]:
    """One card on the user network, or several on one hub of the same guest, in slots of which each has an interrupt of its own:
    otherwise each frame would wake both drivers."""
    if count == 1:
        return ["-netdev", "user,id=net0", "-device", "rtl8139,netdev=net0,romfile="]
    arguments = []
    for card in range(count):
        arguments += ["-netdev", f"hubport,id=port{card},hubid=0",
                      "-device", f"rtl8139,netdev=port{card},romfile=,addr={FIRST_SLOT + 2 * card},mac=52:54:00:12:34:{0x56 + card:02x}"]
    return arguments


def measure(name: str, timeout: float, arguments: list[int | str], card_count: int = 1, shift: int = 0) -> Result:
    """The shell's `bench NAME ARGUMENTS`; an instruction takes 2 ** shift ns."""
    machine = qemu.Options(image=IMAGE, icount=True, icount_shift=shift, cards=cards(card_count), reboot=False)
    line = " ".join(["bench", name, *map(str, arguments)])
    result = parse(name, output_of(machine, f"bench-{name}", name, line, timeout))
    if shift:
        result.notes.append(f"an instruction takes {2 ** shift} ns")
    return result


def output_of(machine: qemu.Options, log_name: str, name: str, line: str, timeout: float) -> str:
    """What the guest prints when it runs this bench by this command, in a machine of its own."""
    return with_console(machine, log_name, timeout, lambda console: run_bench(console, name, line, timeout))


def with_console(machine: qemu.Options, log_name: str, timeout: float, work: Callable):
    """What `work` returns, which is called at the prompt of a machine of its own."""
    log = BUILD / "log" / f"{log_name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with open(log.with_suffix(".qemu.log"), "wb") as errors:
        process, serial = qemu.start_with_socket(machine, stderr=errors)
    console = GuestConsole(serial, log)
    try:
        console.until_prompt(timeout)
        done = work(console)
        console.send("poweroff\n")
        console.drain(10)
        return done
    except (ConsoleTimeout, ConsoleClosed, CorePanic) as error:
        raise Failure(f"{log_name}: {type(error).__name__}: {error}\nThe whole console output: {log}") from None
    finally:
        console.close()
        run.stop(process)


def run_bench(console: GuestConsole, name: str, line: str, timeout: float) -> str:
    output, status = console.command(line, timeout)
    if status != 0 or not re.search(rf"^bench {re.escape(name)} done", output, re.MULTILINE):
        raise Failure(f"bench {name} failed in the guest with status {status}:\n{output}")
    return output


def parse(name: str, output: str) -> Result:
    figures, notes = [], []
    for line in output.splitlines():
        line = line.strip()
        if line.startswith("figure "):
            figures.append(figure(dict(FIELD.findall(line))))
        elif line.startswith("note "):
            notes.append(line[5:])
    if not figures:
        raise Failure(f"bench {name} printed no figures")
    return Result(name, commit(), "icount", figures, notes)


def number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def figure(fields: dict[str, str]) -> Figure:
    value = number(fields["value"])
    spread = {key: number(fields.get(key, fields["value"])) for key in ("min", "p50", "p99", "max")}
    counts = {key: number(fields[key]) for key in COUNTS if key in fields}
    return Figure(fields["id"], value, fields["unit"], int(fields.get("n", 1)), spread, counts)


def commit() -> str:
    result = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"],
                            capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"
