"""Disk images with an ext4 file system, made and changed without mounting them (e2fsprogs)."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from antlib.paths import BUILD, DISK, DISK_PROGRAMS, ROOT
from antlib.progress import Failure, say

SBIN = Path("/usr/sbin")  # not in everybody's PATH
MIB = 256
# Those of Debian 12's mke2fs, said here so that another host makes the same.
FEATURES = ("none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,"
            "dir_nlink,extra_isize,metadata_csum")
JOURNAL_MIB = 8
PAGES = ROOT / "boot/disk"  # what is on every disk beside the programs


def tool(name: str, *arguments: str, codes: tuple[int, ...] = (0,), **options) -> subprocess.CompletedProcess:
    result = subprocess.run([str(SBIN / name), *arguments], capture_output=True, text=True, check=False,
                            env={**os.environ, "LC_ALL": "C"}, **options)
    if result.returncode not in codes:
        raise Failure(f"{name}: {result.stdout}{result.stderr}")
    return result


def contents(folder: Path) -> None:
    """What a fresh disk holds."""
    for name in ("bin", "home", "tmp", "www"):
        (folder / name).mkdir()
    shutil.copytree(PAGES, folder, dirs_exist_ok=True)
    for program in programs():
        shutil.copy(program, folder / "bin" / program.name)
        (folder / "bin" / program.name).chmod(0o755)
    (folder / "tmp").chmod(0o1777)


def programs() -> list[Path]:
    return sorted(DISK_PROGRAMS.iterdir()) if DISK_PROGRAMS.is_dir() else []


def make(path: Path, mib: int = MIB, folder: Path | None = None, options: tuple[str, ...] = ()) -> Path:
    """A fresh image, of `folder` if one is given; everything in it belongs to user 0. `options`: of mke2fs."""
    with tempfile.TemporaryDirectory(prefix="ant-disk-") as staging:
        if folder is None:
            folder = Path(staging)
            contents(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")  # in its place only when it is whole
        try:
            tool("mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-b", "4096", "-i", "16384", "-m", "0", "-L", "ant",
                 "-J", f"size={JOURNAL_MIB}", "-E", "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0", "-d", str(folder),
                 *options, str(new), f"{mib}M")
            if os.geteuid() != 0:
                give_to_root(new, folder)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    return path


def give_to_root(image: Path, folder: Path) -> None:
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    change(image, [f'set_inode_field "/{name}" {field} 0' for name in names for field in ("uid", "gid")])


def change(image: Path, commands: list[str]) -> str:
    """Commands of debugfs."""
    result = tool("debugfs", "-w", "-f", "-", str(image), input="".join(f"{command}\n" for command in commands))
    return result.stdout


def put(image: Path, files: dict[str, Path]) -> None:
    """Files from the host, over older ones, for everybody to read and execute."""
    commands = []
    for name, source in files.items():
        commands += [f'rm "{name}"', f'write "{source}" "{name}"', f'set_inode_field "{name}" mode 0100755',
                     f'set_inode_field "{name}" uid 0', f'set_inode_field "{name}" gid 0']
    change(image, commands)


def check(image: Path) -> tuple[bool, str]:
    """Whether e2fsck finds nothing wrong with a disk that was left properly, and what it says; changes nothing."""
    result = tool("e2fsck", "-f", "-n", str(image), codes=tuple(range(256)))
    return result.returncode == 0 and "recovery" not in result.stdout, result.stdout + result.stderr


def recover(image: Path) -> None:
    """Replays the journal, if the machine was not switched off properly."""
    tool("e2fsck", "-p", str(image), codes=(0, 1))


def copy(source: Path, target: Path) -> Path:
    """Without the holes."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", "--", str(source), str(target)], check=True)
    return target


def digest(paths: list[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.name} {path.stat().st_size} ".encode() + path.read_bytes())
    return whole.hexdigest()[:16]


def template() -> Path:
    """A fresh image to copy from, made once for each state of its contents."""
    pages = [path for path in sorted(PAGES.rglob("*")) if path.is_file()]
    image = BUILD / "disk" / f"{digest([*programs(), *pages, Path(__file__)])}.img"
    if not image.is_file():
        for old in image.parent.glob("*.img"):
            old.unlink(missing_ok=True)
        make(image)
    return image


@contextlib.contextmanager
def own():
    """The disk of `tools/ant run` without --disk. It is kept from run to run, with the programs of this build in /bin; a
    second run at the same time gets a fresh one that is not kept."""
    DISK.parent.mkdir(parents=True, exist_ok=True)
    with open(DISK.with_suffix(".lock"), "w", encoding="utf-8") as lock:  # QEMU has its own besides
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{DISK} is in use: this run gets a fresh disk that is not kept.")
            with tempfile.TemporaryDirectory(prefix="ant-disk-") as folder:
                yield copy(template(), Path(folder) / DISK.name)
            return
        bring_up_to_date()
        yield DISK


def bring_up_to_date() -> None:
    stamp = DISK.with_suffix(".programs")
    wanted = digest(programs())
    if not DISK.is_file():
        copy(template(), DISK)
        say(f"A fresh disk: {DISK}")
    elif not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        recover(DISK)
        put(DISK, {f"/bin/{program.name}": program for program in programs()})
    stamp.write_text(wanted, encoding="utf-8")


def given(path: Path) -> Path:
    """The disk of `--disk FILE`: as it is, or made."""
    if path.exists() and not (path.is_file() or path.is_block_device()):
        raise Failure(f"{path}: not a disk image", 2)
    if not path.exists():
        if not path.parent.is_dir():
            raise Failure(f"{path.parent}: no such folder", 2)
        make(path)
        say(f"A fresh disk: {path}")
    return path
