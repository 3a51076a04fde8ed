"""Linux in the same QEMU, to measure beside AnT: Debian's kernel and busybox, fetched by package name and unpacked below
build/peer; nothing is installed.

    linux = linux_peer.get()
    archive = linux_peer.initramfs(linux, folder, modules=("8139cp",), programs=(ROOT / "user/bench/linux/x.c",), script="x 3")
    output = linux_peer.boot(linux, archive, "log-name", machine="pc", exact=True, devices=[...], timeout=900)

- `modules`: names of kernel modules; those that they need come along, and all are loaded before the script begins.
- `programs`: C sources of this tree; each is compiled statically and lies in /bin under its name without `.c`.
- `files`: more to lie in /bin.
- `script`: lines for busybox's shell, with all of busybox's commands; /dev, /proc and /sys are mounted. Afterwards
  the machine is switched off.
- `boot` gives what the guest wrote to the serial line. `exact`: one instruction is one nanosecond; idle time
  passes as outside, or is skipped without `idle_waits`. `hopeless`: words of the kernel's after which it is Hopeless to wait.
"""

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from antlib import qemu, run, setup, third_party
from antlib.paths import BUILD
from antlib.progress import Failure, say

HOST_PACKAGES = ("cpio", "dpkg-dev")
END = "peer ends"
# As AnT's, but for what makes Linux copy by single bytes: the emulator counts an instruction for each.
CPU = "max,-erms,-fsrm"
INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev; mount -t proc none /proc; mount -t sysfs none /sys
for module in /m/*; do insmod $module || echo "no $module"; done
{script}
sync
echo {end}
poweroff -f
"""


class Hopeless(Failure):
    """The kernel has said that it does not go on."""


@dataclass(frozen=True)
class Linux:
    vmlinuz: Path
    modules: dict[str, Path]  # by name, with _ for -
    busybox: Path


def get() -> Linux:
    setup.ensure(HOST_PACKAGES)
    folder = BUILD / "peer"
    if not (folder / "complete").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        say("Getting Debian's kernel and busybox")
        try:
            kernel = third_party.dependency("linux-image-amd64", r"linux-image-\S+", folder)
            third_party.unpack_packages([kernel, "busybox-static"], folder)
        except third_party.FetchError as error:
            raise Failure(str(error)) from None
        (folder / "complete").touch()
    modules = {path.name.split(".")[0].replace("-", "_"): path for path in folder.glob("**/lib/modules/**/*.ko")}
    return Linux(next(folder.glob("boot/vmlinuz-*")), modules, next(folder.glob("**/bin/busybox")))


def with_dependencies(linux: Linux, names: tuple[str, ...]) -> list[str]:
    """In the order in which they can be loaded."""
    ordered = []
    for name in names:
        if name not in linux.modules:
            raise Failure(f"{linux.vmlinuz.name} has no module {name}")
        text = re.search(rb"\0depends=([^\0]*)\0", linux.modules[name].read_bytes())
        needed = tuple(part.replace("-", "_") for part in text[1].decode().split(",") if part) if text else ()
        ordered += [module for module in [*with_dependencies(linux, needed), name] if module not in ordered]
    return ordered


def initramfs(linux: Linux, folder: Path, modules: tuple[str, ...], programs: tuple[Path, ...], script: str,
              files: tuple[Path, ...] = ()) -> Path:
    root = folder / "root"
    for name in ("bin", "dev", "proc", "sys", "m", "mnt", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(linux.busybox, root / "bin/busybox")
    for number, name in enumerate(with_dependencies(linux, modules)):
        shutil.copy(linux.modules[name], root / "m" / f"{number:02}-{name}.ko")
    for source in programs:
        compile_static(source, root / "bin" / source.stem)
    for path in files:
        shutil.copy(path, root / "bin" / path.name)
    (root / "init").write_text(INIT.format(script=script, end=END), encoding="utf-8")
    (root / "init").chmod(0o755)
    archive = folder / "initramfs"
    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    with open(archive, "wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), stdout=out, cwd=root, check=True)
    return archive


def compile_static(source: Path, program: Path) -> None:
    """With musl."""
    include, library = "/usr/include/x86_64-linux-musl", "/usr/lib/x86_64-linux-musl"
    own = subprocess.run(["gcc", "-print-file-name=include"], capture_output=True, text=True, check=True).stdout.strip()
    libgcc = subprocess.run(["gcc", "-print-libgcc-file-name"], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["gcc", "-O2", "-static", "-no-pie", "-fno-pie", "-nostdinc", "-isystem", include, "-isystem", own, "-nostdlib",
                    "-o", str(program), f"{library}/crt1.o", f"{library}/crti.o", str(source), f"{library}/libc.a", libgcc,
                    f"{library}/crtn.o"], check=True)


def boot(linux: Linux, archive: Path, log_name: str, *, machine: str, exact: bool, devices: list[str], timeout: float,
         memory: int = 256, append: str = "", idle_waits: bool = True, hopeless: str = "") -> str:
    clock = f"shift=0,sleep={'on' if idle_waits else 'off'}"
    accelerator = ["-accel", "tcg,thread=single", "-icount", clock] if exact else ["-accel", "tcg"]
    command = [qemu.QEMU, "-machine", machine, *accelerator, "-cpu", CPU, "-m", str(memory), "-nodefaults", "-display", "none",
               "-no-user-config", "-no-reboot", "-serial", "stdio", "-kernel", str(linux.vmlinuz), "-initrd", str(archive),
               "-append", f"console=ttyS0 quiet panic=-1 {append}".rstrip(), *devices]
    log = BUILD / "log" / f"{log_name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)

    def output() -> str:
        return log.read_text(encoding="utf-8", errors="replace")

    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   preexec_fn=qemu.end_with_parent)
    deadline = time.monotonic() + timeout
    try:
        while process.poll() is None and time.monotonic() < deadline and not (hopeless and hopeless in output()):
            time.sleep(0.1)
        ended = process.poll() is not None
    finally:
        run.stop(process)
    text = output()
    if END in text:
        return text
    if hopeless and hopeless in text:
        raise Hopeless(f"Linux: {hopeless}")
    how = f"QEMU ended with status {process.returncode} before Linux did" if ended else f"Linux did not come to its end in {timeout:g} s"
    raise Failure(f"{how}; the last lines of {log}:\n{text[-2000:]}")
