"""`tools/ant bench disk`: a file through file server, cache and driver, on both controllers; and Linux beside it.

Speed is measured in plain emulation, where the clock is the host's; instructions in the instruction-exact mode, idle time left
out."""

import random
import tempfile
from pathlib import Path

from antlib import bench_guest, disk, linux_peer, qemu
from antlib.bench_output import Figure, Result
from antlib.paths import IMAGE, ROOT

CONTROLLERS = {"ata": "pc", "ahci": "q35"}
FILE_MIB = 64
MODES = {"mb_per_s": False, "kinsn_per_mb": True}  # whether in the instruction-exact mode


def image(folder: Path) -> Path:
    """A disk with a file that is all there, and no hole."""
    contents = folder / "contents"
    contents.mkdir()
    disk.contents(contents)
    (contents / "home/bench.dat").write_bytes(random.Random(1).randbytes(FILE_MIB << 20))
    return disk.make(folder / "disk.img", 256, contents)


def measure(timeout: float, runs: int) -> Result:
    figures = []
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        template = image(Path(name))
        for controller, machine in CONTROLLERS.items():
            for quantity, exact in MODES.items():
                copy = disk.copy(template, Path(name) / "working.img")
                output = guest_output(machine, exact, copy, runs, timeout)
                figures += [figure for figure in prefixed(output, f"disk.{controller}.") if figure.id.endswith(quantity)]
    return Result("disk", bench_guest.commit(), "tcg", figures, [
        "one call at a time; nothing in the cache before a run; writes until all is on the disk (sync_data)",
        "mb_per_s: plain emulation, by the host's clock; kinsn_per_mb: instruction-exact mode, all processes and the core, idle left out"])


def guest_output(machine: str, exact: bool, image_file: Path, runs: int, timeout: float) -> str:
    options = qemu.Options(image=IMAGE, machine=machine, icount=exact, idle_waits=True, reboot=False, memory=256,
                           disks=[qemu.raw_disk(image_file, cache="unsafe")])
    return bench_guest.output_of(options, log_name(machine, exact), "disk", f"run bench-disk /home/bench.dat {runs}", timeout)


def log_name(machine: str, exact: bool) -> str:
    return f"bench-disk-{machine}-{'icount' if exact else 'tcg'}"


def prefixed(output: str, prefix: str) -> list[Figure]:
    figures = bench_guest.parse("disk", output).figures
    return [Figure(prefix + figure.id, figure.value, figure.unit, figure.n, figure.spread, figure.counts) for figure in figures]


# Linux -----------------------------------------------------------------------------------------------------------

MODULES = ("ata_piix", "ahci", "sd_mod", "crc32c_generic", "ext4")
SCRIPT = """for wait in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] || sleep 1; done
mount -t ext4 /dev/sda /mnt && disk /mnt/home/bench.dat {runs}"""


def measure_linux(timeout: float, runs: int) -> Result:
    """The same file, file system and controllers under Debian's kernel."""
    linux = linux_peer.get()
    figures = []
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        folder = Path(name)
        template = image(folder)
        archive = linux_peer.initramfs(linux, folder, MODULES, (ROOT / "user/bench/linux/disk.c",), SCRIPT.format(runs=runs))
        for controller, machine in CONTROLLERS.items():
            for quantity, exact in MODES.items():
                copy = disk.copy(template, folder / "working.img")
                drive = qemu.disk_arguments(qemu.Options(machine=machine, disks=[qemu.raw_disk(copy, cache="unsafe")]))
                output = linux_peer.boot(linux, archive, f"{log_name(machine, exact)}-linux", machine=machine, exact=exact, devices=drive,
                                         timeout=timeout)
                figures += [figure for figure in prefixed(output, f"disk.linux.{controller}.") if figure.id.endswith(quantity)]
    return Result("disk-linux", bench_guest.commit(), "tcg", figures,
                  [f"{linux.vmlinuz.name}; the file on ext4, read and written with O_DIRECT"])
