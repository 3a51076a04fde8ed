"""`tools/ant bench disk`: a file through file server, cache and driver, on both controllers; and Linux beside it.

Speed is measured in plain emulation, where the clock is the host's; instructions in the instruction-exact mode, idle time left
out."""

import itertools
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from antlib import bench_guest, bench_network, disk, linux_peer, qemu
from antlib.bench_output import Figure, Result
from antlib.paths import IMAGE, ROOT

CONTROLLERS = {"ata": "pc", "ahci": "q35"}
FILE_MIB = 64


@dataclass(frozen=True)
class Quantity:
    name: str
    unit: str
    exact: bool  # in the instruction-exact mode
    runs: int  # of each kind in a boot


SPEED = Quantity("mb_per_s", "MB/s", exact=False, runs=3)
INSTRUCTIONS = Quantity("kinsn_per_mb", "kinsn/MB", exact=True, runs=1)


def image(folder: Path) -> Path:
    """A disk with a file that is all there, and no hole."""
    contents = folder / "contents"
    contents.mkdir()
    disk.contents(contents)
    (contents / "home/bench.dat").write_bytes(random.Random(1).randbytes(FILE_MIB << 20))
    return disk.make(folder / "disk.img", 256, contents)


def measure(rounds: int, with_linux: bool, timeout: float) -> Result:
    values = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        for prefix, quantity, output in outputs(Path(name), rounds, with_linux, timeout):
            for figure in bench_guest.parse("disk", output).figures:
                if figure.id.endswith(quantity.name):
                    values[f"{prefix}.{figure.id}", quantity.unit].append(figure.value)
    figures = [bench_network.figure(identifier, found, unit) for (identifier, unit), found in values.items()]
    figures.sort(key=order)
    return Result("disk", bench_guest.commit(), "tcg", figures, [
        "one call at a time; nothing in the cache before a run; writes until all is on the disk (sync_data)",
        f"mb_per_s: plain emulation, by the host's clock; n boots, the systems in turn, of each the median of {SPEED.runs} runs after one that is "
        "not counted; kinsn_per_mb: instruction-exact mode, all processes and the core, idle left out",
        *(["linux: Debian's kernel, the file on ext4, read and written with O_DIRECT"] if with_linux else [])])


def outputs(folder: Path, rounds: int, with_linux: bool, timeout: float) -> Iterator[tuple[str, Quantity, str]]:
    """What each boot prints. The systems take turns: how long the host takes to wake QEMU's threads differs from one boot to the
    next by half."""
    template = image(folder)
    systems = [("disk", guest_output)]
    if with_linux:
        systems.append(("disk.linux", linux_system(folder)))
    for (controller, machine), quantity in itertools.product(CONTROLLERS.items(), (SPEED, INSTRUCTIONS)):
        for system, output_of in systems * (1 if quantity.exact else rounds):
            copy = disk.copy(template, folder / "working.img")
            yield f"{system}.{controller}", quantity, output_of(machine, quantity, copy, timeout)


def order(figure: Figure) -> tuple[bool, bool]:
    """Those of Linux last, the controllers apart; else as they came."""
    return figure.id.startswith("disk.linux."), ".ahci." in figure.id


def guest_output(machine: str, quantity: Quantity, image_file: Path, timeout: float) -> str:
    options = qemu.Options(image=IMAGE, machine=machine, icount=quantity.exact, idle_waits=True, reboot=False, memory=256,
                           disks=[qemu.raw_disk(image_file, cache="unsafe")])
    line = f"run bench-disk /home/bench.dat {quantity.runs}"
    return bench_guest.output_of(options, log_name(machine, quantity), "disk", line, timeout)


def log_name(machine: str, quantity: Quantity) -> str:
    return f"bench-disk-{machine}-{'icount' if quantity.exact else 'tcg'}"


# Linux -----------------------------------------------------------------------------------------------------------

MODULES = ("ata_piix", "ahci", "sd_mod", "crc32c_generic", "ext4")
SCRIPT = """for wait in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] || sleep 1; done
mount -t ext4 /dev/sda /mnt && disk /mnt/home/bench.dat {runs}"""


def linux_system(folder: Path):
    """The same file, file system and controllers under Debian's kernel."""
    linux = linux_peer.get()

    def archive(quantity: Quantity) -> Path:
        return linux_peer.initramfs(linux, folder / f"linux-{quantity.runs}", MODULES, (ROOT / "user/bench/linux/disk.c",),
                                    SCRIPT.format(runs=quantity.runs))

    archives = {quantity: archive(quantity) for quantity in (SPEED, INSTRUCTIONS)}

    def output(machine: str, quantity: Quantity, image_file: Path, timeout: float) -> str:
        drive = qemu.disk_arguments(qemu.Options(machine=machine, disks=[qemu.raw_disk(image_file, cache="unsafe")]))
        return linux_peer.boot(linux, archives[quantity], f"{log_name(machine, quantity)}-linux", machine=machine, exact=quantity.exact,
                               devices=drive, timeout=timeout)

    return output
