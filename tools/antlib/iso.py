"""Makes the bootable image: one hybrid ISO for CD and USB stick, BIOS and UEFI."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Each must exist for both platforms; the rest of GRUB's modules would only make the image larger.
MODULES = ("multiboot2 normal configfile iso9660 part_gpt part_msdos part_acorn part_amiga part_bsd "
           "part_dfly part_dvh part_plan part_sun part_sunpc fat serial terminal all_video gfxterm "
           "search search_fs_file test echo halt reboot boot ls gzio smbios")


def make_iso(kernel: Path, archive: Path, grub_cfg: Path, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ant-iso-") as name:
        root = Path(name)
        (root / "boot/grub").mkdir(parents=True)
        shutil.copyfile(kernel, root / "boot/kernel")
        shutil.copyfile(archive, root / "boot/archive.tar")
        shutil.copyfile(grub_cfg, root / "boot/grub/grub.cfg")
        partial = output.with_name(f".{output.name}.{id(root):x}")
        command = ["grub-mkrescue", "-o", str(partial), "--locales=", "--fonts=", "--themes=",
                   f"--install-modules={MODULES}", str(root)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            partial.unlink(missing_ok=True)
            raise RuntimeError(f"grub-mkrescue failed:\n{result.stdout}{result.stderr}")
        partial.replace(output)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--kernel", "--archive", "--grub-cfg", "--output"):
        parser.add_argument(option, type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        make_iso(options.kernel, options.archive, options.grub_cfg, options.output)
    except (RuntimeError, OSError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
