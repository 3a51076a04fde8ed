"""`tools/ant bench disk`: a file through file server, cache and driver, on both controllers; and Linux beside it.

Speed is measured in plain emulation, where the clock is the host's; instructions in the instruction-exact mode, idle time left
out."""

import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from antlib import bench, disk, qemu, setup
from antlib.bench_output import Figure, Result
from antlib.paths import BUILD, IMAGE, ROOT
from antlib.progress import Failure, say

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
    return Result("disk", bench.commit(), "tcg", figures, [
        "one call at a time; nothing in the cache before a run; writes until all is on the disk (sync_data)",
        "mb_per_s: plain emulation, by the host's clock; kinsn_per_mb: instruction-exact mode, all processes and the core, idle left out"])


def guest_output(machine: str, exact: bool, image_file: Path, runs: int, timeout: float) -> str:
    options = qemu.Options(image=IMAGE, machine=machine, icount=exact, idle_waits=True, reboot=False, memory=256,
                           disks=[qemu.raw_disk(image_file, cache="unsafe")])
    log_name = f"bench-disk-{machine}-{'icount' if exact else 'tcg'}"
    return bench.output_of(options, log_name, "disk", f"run bench-disk /home/bench.dat {runs}", timeout)


def prefixed(output: str, prefix: str) -> list[Figure]:
    figures = bench.parse("disk", output).figures
    return [Figure(prefix + figure.id, figure.value, figure.unit, figure.n, figure.spread, figure.counts) for figure in figures]


# Linux -----------------------------------------------------------------------------------------------------------

PEER_PACKAGES = ("busybox-static", "cpio")
MODULES = ("scsi_common", "scsi_mod", "libata", "ata_piix", "libahci", "ahci", "crc64", "crc64_rocksoft", "crc64_rocksoft_generic",
           "crct10dif_common", "crc_t10dif", "crct10dif_generic", "t10_pi", "sd_mod", "crc16", "crc32c_generic", "libcrc32c",
           "mbcache", "jbd2", "ext4")
INIT = """#!/bin/busybox sh
export PATH=/bin
b=/bin/busybox
$b mount -t devtmpfs none /dev; $b mount -t proc none /proc; $b mount -t sysfs none /sys
$b --install -s /bin
for pass in 1 2 3 4 5 6; do for module in /m/*; do insmod $module; done; done 2>/dev/null
for wait in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/sda ] || sleep 1; done
mount -t ext4 /dev/sda /mnt && linux_disk /mnt/home/bench.dat {runs}
sync
echo peer ends
poweroff -f
"""


def measure_linux(timeout: float, runs: int) -> Result:
    """The same file, file system and controllers under Debian's kernel."""
    setup.ensure(PEER_PACKAGES)
    vmlinuz, modules = kernel(BUILD / "peer")
    figures = []
    with tempfile.TemporaryDirectory(prefix="ant-bench-") as name:
        folder = Path(name)
        template, archive = image(folder), initramfs(folder, modules, INIT.format(runs=runs))
        for controller, machine in CONTROLLERS.items():
            for quantity, exact in MODES.items():
                copy = disk.copy(template, folder / "working.img")
                output = linux_output(machine, exact, vmlinuz, archive, copy, timeout)
                figures += [figure for figure in prefixed(output, f"disk.linux.{controller}.") if figure.id.endswith(quantity)]
    return Result("disk-linux", bench.commit(), "tcg", figures, [f"{vmlinuz.name}; the file on ext4, read and written with O_DIRECT"])


def linux_output(machine: str, exact: bool, vmlinuz: Path, archive: Path, image_file: Path, timeout: float) -> str:
    accelerator = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=on"] if exact else ["-accel", "tcg"]
    command = [qemu.QEMU, "-machine", machine, *accelerator, "-cpu", "max", "-m", "256", "-nodefaults", "-display", "none",
               "-no-user-config", "-no-reboot", "-serial", "stdio", "-kernel", str(vmlinuz), "-initrd", str(archive),
               "-append", "console=ttyS0 quiet panic=-1",
               *qemu.disk_arguments(qemu.Options(machine=machine, disks=[qemu.raw_disk(image_file, cache="unsafe")]))]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
                            preexec_fn=qemu.end_with_parent)
    (BUILD / "log" / f"bench-disk-linux-{machine}.log").write_text(result.stdout + result.stderr, encoding="utf-8")
    if "bench disk done" not in result.stdout:
        raise Failure(f"Linux on {machine} did not come to its end:\n{result.stdout[-2000:]}{result.stderr[-500:]}")
    return result.stdout


def kernel(folder: Path) -> tuple[Path, Path]:
    """Debian's kernel and its modules, unpacked below `folder`; nothing is installed."""
    if not list(folder.glob("boot/vmlinuz-*")):
        folder.mkdir(parents=True, exist_ok=True)
        meta = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True).stdout
        package = re.search(r"Depends: (linux-image-\S+)", meta)[1]
        say(f"Getting Debian package {package}")
        subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True, capture_output=True)
        archive = next(folder.glob("linux-image-*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
        archive.unlink()
    return next(folder.glob("boot/vmlinuz-*")), next(folder.glob("lib/modules/*"))


def initramfs(folder: Path, modules: Path, init: str) -> Path:
    """Busybox, the modules, the measuring program, and `init` as the first process."""
    root = folder / "root"
    for name in ("bin", "dev", "proc", "sys", "m", "mnt"):
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    for path in modules.rglob("*.ko*"):
        name = path.name.split(".")[0].replace("-", "_")
        if name in MODULES:
            shutil.copy(path, root / "m" / f"{MODULES.index(name):02}-{path.name}")
    compile_for_linux(ROOT / "user/bench/linux_disk.c", root / "bin/linux_disk")
    (root / "init").write_text(init, encoding="utf-8")
    (root / "init").chmod(0o755)
    archive = folder / "initramfs"
    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    with open(archive, "wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), stdout=out, cwd=root, check=True)
    return archive


def compile_for_linux(source: Path, program: Path) -> None:
    """Static, with musl."""
    include, library = "/usr/include/x86_64-linux-musl", "/usr/lib/x86_64-linux-musl"
    own = subprocess.run(["gcc", "-print-file-name=include"], capture_output=True, text=True, check=True).stdout.strip()
    libgcc = subprocess.run(["gcc", "-print-libgcc-file-name"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["gcc", "-O2", "-static", "-no-pie", "-fno-pie", "-nostdinc", "-isystem", include, "-isystem", own, "-nostdlib",
                    "-o", str(program), f"{library}/crt1.o", f"{library}/crti.o", str(source), f"{library}/libc.a", libgcc,
                    f"{library}/crtn.o"], check=True)
