"""Configures and builds with CMake and Ninja."""

import os
import re
import subprocess
import sys
from pathlib import Path

from antlib import setup
from antlib.paths import BUILD, IMAGE, LOGS, ROOT
from antlib.progress import Failure, Progress, say

NINJA_LINE = re.compile(r"^\[(\d+)/(\d+)\] (.*)")


def configured() -> bool:
    return (BUILD / "build.ninja").is_file()


def configure() -> None:
    """Once; after that Ninja reruns CMake by itself when a CMakeLists.txt has changed."""
    if configured():
        return
    LOGS.mkdir(parents=True, exist_ok=True)
    with Progress("Configuring") as progress:
        command = ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = []
        for line in process.stdout:
            lines.append(line)
            progress.update(0, line.strip())
        status = process.wait()
        (LOGS / "configure.log").write_text("".join(lines), encoding="utf-8")
    if status != 0:
        raise Failure("".join(lines[-30:]) + "Configuring failed.")


def ninja(targets: list[str], title: str) -> None:
    environment = {**os.environ, "NINJA_STATUS": "[%f/%t] "}
    with Progress(title, silent=True) as progress:
        process = subprocess.Popen(["ninja", "-C", str(BUILD), *targets], env=environment, text=True, errors="replace",
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            for line in process.stdout:
                show(line, progress)
            status = process.wait()
        except KeyboardInterrupt:
            process.wait()  # it got the signal too
            raise
    if status != 0:
        raise Failure("The build failed; the messages above say where.")


def show(line: str, progress: Progress) -> None:
    match = NINJA_LINE.match(line)
    if match and not match[3].startswith("Re-checking"):
        done, total = int(match[1]), int(match[2])
        progress.update(done / total, f"{done}/{total} {short_description(match[3])}")
    elif not match and not line.startswith(("ninja: Entering", "ninja: no work", "-- ")):
        progress.clear()
        sys.stderr.write(line)


def short_description(text: str) -> str:
    """Ninja's description without CMake's long paths."""
    words = text.split()
    return Path(words[-1]).name if words else ""


def image() -> None:
    """Everything that `ant.iso` needs, installed and built."""
    setup.ensure(setup.BUILD_PACKAGES)
    configure()
    ninja(["image"], "Building the image")


def everything() -> None:
    configure()
    ninja(["all", "host_tests"], "Building")


def main_image(_options) -> int:
    image()
    say(f"{IMAGE} ({IMAGE.stat().st_size / 1e6:.1f} MB): CD, USB stick, BIOS, UEFI")
    return 0
