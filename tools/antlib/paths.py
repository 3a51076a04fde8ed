"""Where things are. ANT_BUILD names another build folder than build/."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("ANT_BUILD", ROOT / "build")).resolve()
IMAGE = BUILD / "ant.iso"
KERNEL = BUILD / "boot/kernel"
ARCHIVE = BUILD / "boot/archive.tar"
GRUB_CFG = ROOT / "boot/grub.cfg"
LOGS = BUILD / "log"
DISK = BUILD / "disk.img"  # of `tools/ant run`
DISK_PROGRAMS = BUILD / "disk/bin"
