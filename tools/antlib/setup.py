"""Installs the Debian packages that a command needs."""

import os
import shutil
import subprocess
from pathlib import Path

from antlib.paths import LOGS
from antlib.progress import Failure, Progress, say

BUILD_PACKAGES = ("g++", "binutils", "cmake", "ninja-build", "dpkg-dev", "make", "musl-dev", "tcl",
                  "grub-common", "grub-pc-bin", "grub-efi-amd64-bin", "xorriso", "mtools")
RUN_PACKAGES = ("qemu-system-x86", "ovmf", "e2fsprogs")
TEST_PACKAGES = ("catch2", "python3-pytest", "curl", "iperf", "netcat-openbsd", "iputils-ping",
                 "bochs", "bochs-sdl", "seabios", "spin")
BENCH_PACKAGES = ("gnuplot-nox",)
DEBUG_PACKAGES = ("gdb",)
LINT_PACKAGES = ("clang-tidy-19", "clang-format")


def missing(packages: tuple[str, ...]) -> list[str]:
    if shutil.which("dpkg-query") is None:
        raise Failure("This needs Debian 12: dpkg-query is not there.")
    result = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
                            capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in result.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def as_root(command: list[str]) -> list[str]:
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") is None:
        raise Failure(f"sudo is missing; run as root: {' '.join(command)}")
    return ["sudo", *command]


def run_logged(command: list[str], log: Path, progress: Progress) -> int:
    """Runs apt-get. Its status lines (APT::Status-Fd=1, as sudo closes other descriptors) drive the
    progress display; everything else goes to the log."""
    with open(log, "a", encoding="utf-8") as out, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=out, stdin=subprocess.DEVNULL, text=True, errors="replace") as process:
        for line in process.stdout:
            fields = line.strip().split(":", 3)
            if len(fields) == 4 and fields[0] in ("dlstatus", "pmstatus"):
                part = float(fields[2]) / 100
                progress.update((part if fields[0] == "dlstatus" else 1 + part) / 2, fields[3])
            else:
                out.write(line)
        return process.wait()


def install(packages: list[str]) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "apt.log"
    say(f"Installing Debian packages: {' '.join(packages)}")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    if os.geteuid() != 0:
        subprocess.run(as_root(["true"]), check=False)  # asks for the password before the display starts
    with Progress("Reading the package lists") as progress:
        # A third-party list that cannot be read makes this fail although Debian's own lists are there.
        update_status = run_logged(as_root([*environment, "apt-get", "update", "-qq"]), log, progress)
    command = as_root([*environment, "apt-get", "install", "-qq", "-y", "--no-install-recommends",
                       "-o", "APT::Status-Fd=1", "-o", "Dpkg::Use-Pty=0", *packages])
    with Progress("Installing packages") as progress:
        status = run_logged(command, log, progress)
    if status != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
        hint = "\nThe package lists could not be read either: is there a network?" if update_status else ""
        raise Failure(f"apt-get could not install {' '.join(packages)}:\n{tail}{hint}")


def ensure(*groups: tuple[str, ...]) -> None:
    packages = missing(tuple(dict.fromkeys(package for group in groups for package in group)))
    if packages:
        install(packages)
        still = missing(tuple(packages))
        if still:
            raise Failure(f"Not installed although apt-get said so: {' '.join(still)}")
