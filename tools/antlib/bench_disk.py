"""`tools/ant bench disk`: a file through file server, cache and driver, on both controllers; and Linux beside it.

Speed is measured in plain emulation, where the clock is the host's; instructions in the instruction-exact mode, idle time left
out."""

import random
import tempfile
from pathlib import Path

from antlib import bench_guest, bench_network, disk, linux_peer, qemu
from antlib.bench_output import Result
from antlib.paths import IMAGE, ROOT

CONTROLLERS = {"ata": "pc", "ahci": "q35"}
FILE_MIB = 64
RUNS = {False: 3, True: 1}  # of each kind in a boot, by whether it is exact
MODES = {"mb_per_s": False, "kinsn_per_mb": True}  # whether in the instruction-exact mode


def image(folder: Path) -> Path:
    """A disk with a file that is all there, and no hole."""
    contents = folder / "contents"
    contents.mkdir()
    disk.contents(contents)
    (contents / "home/bench.dat").write_bytes(random.Random(1).randbytes(FILE_MIB << 20))
    return disk.make(folder / "disk.img", 256, contents)


def measure(rounds: int, with_linux: bool, timeout: float) -> Result:
    """Of all systems, in turn: how long the host takes to wake QEMU's threads differs from one boot to the next by half."""
    values: dict[str, list[float]] = {}
    units: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        folder = Path(name)
        template = image(folder)
        systems = {"disk.": guest_output}
        if with_linux:
            systems["disk.linux."] = linux_system(folder)
        for controller, machine in CONTROLLERS.items():
            for quantity, exact in MODES.items():
                for prefix, system in list(systems.items()) * (1 if exact else rounds):
                    copy = disk.copy(template, folder / "working.img")
                    output = system(machine, exact, copy, timeout)
                    for figure in bench_guest.parse("disk", output).figures:
                        if figure.id.endswith(quantity):
                            identifier = f"{prefix}{controller}.{figure.id}"
                            values.setdefault(identifier, []).append(figure.value)
                            units[identifier] = figure.unit
    figures = [bench_network.figure(identifier, found, units[identifier]) for identifier, found in sorted(values.items(), key=order)]
    return Result("disk", bench_guest.commit(), "tcg", figures, [
        "one call at a time; nothing in the cache before a run; writes until all is on the disk (sync_data)",
        f"mb_per_s: plain emulation, by the host's clock; n boots, the systems in turn, of each the median of {RUNS[False]} runs after one that is "
        "not counted; kinsn_per_mb: instruction-exact mode, all processes and the core, idle left out",
        *(["linux: Debian's kernel, the file on ext4, read and written with O_DIRECT"] if with_linux else [])])


def order(entry: tuple[str, list[float]]) -> tuple[bool, bool]:
    """Those of Linux last, the controllers apart; else as they came."""
    return entry[0].startswith("disk.linux."), ".ahci." in entry[0]


def guest_output(machine: str, exact: bool, image_file: Path, timeout: float) -> str:
    options = qemu.Options(image=IMAGE, machine=machine, icount=exact, idle_waits=True, reboot=False, memory=256,
                           disks=[qemu.raw_disk(image_file, cache="unsafe")])
    return bench_guest.output_of(options, log_name(machine, exact), "disk", f"run bench-disk /home/bench.dat {RUNS[exact]}", timeout)


def log_name(machine: str, exact: bool) -> str:
    return f"bench-disk-{machine}-{'icount' if exact else 'tcg'}"


# Linux -----------------------------------------------------------------------------------------------------------

MODULES = ("ata_piix", "ahci", "sd_mod", "crc32c_generic", "ext4")
SCRIPT = """for wait in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] || sleep 1; done
mount -t ext4 /dev/sda /mnt && disk /mnt/home/bench.dat {runs}"""


def linux_system(folder: Path):
    """The same file, file system and controllers under Debian's kernel."""
    linux = linux_peer.get()
    archives = {exact: linux_peer.initramfs(linux, folder / f"linux-{runs}", MODULES, (ROOT / "user/bench/linux/disk.c",), SCRIPT.format(runs=runs))
                for exact, runs in RUNS.items()}

    def output(machine: str, exact: bool, image_file: Path, timeout: float) -> str:
        drive = qemu.disk_arguments(qemu.Options(machine=machine, disks=[qemu.raw_disk(image_file, cache="unsafe")]))
        return linux_peer.boot(linux, archives[exact], f"{log_name(machine, exact)}-linux", machine=machine, exact=exact, devices=drive,
                               timeout=timeout)

    return output
