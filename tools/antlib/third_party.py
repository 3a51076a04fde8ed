"""Fetches third-party sources as Debian source packages, and packages to measure beside, without touching the system's own lists.

A private APT root gets the system's source list, for sources with `deb` turned into `deb-src`; the upstream
tarball in the package is pinned by SHA-256, as Debian revisions disappear with point releases."""

import argparse
import fcntl
import getpass
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    package: str
    tarball: str
    sha256: str


SOURCES = {
    "e2fsprogs": Source("e2fsprogs", "e2fsprogs_1.47.0.orig.tar.gz", "6667afde56eef0c6af26684974400e4d2288ea49e9441bf5e6229195d51a3578"),
    "lua": Source("lua5.4", "lua5.4_5.4.4.orig.tar.gz", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61"),
    "lwip": Source("lwip", "lwip_2.1.3+dfsg1.orig.tar.xz", "0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24"),
    "sqlite": Source("sqlite3", "sqlite3_3.40.1.orig.tar.xz", "aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655"),
}


class FetchError(Exception):
    """Says to the user why a source cannot be had."""


def deb_src_line(line: str) -> str | None:
    """A one-line source entry with `deb` turned into `deb-src`."""
    match = re.match(r"\s*deb\s+(.*)", line)
    return f"deb-src {match[1]}\n" if match else None


def deb_src_list(text: str, deb822: bool) -> str:
    if deb822:
        return re.sub(r"(?mi)^Types:.*$", "Types: deb-src", text)
    return "".join(filter(None, map(deb_src_line, text.splitlines())))


def write_sources(parts: Path, system: Path = Path("/etc/apt"), binary: bool = False) -> None:
    lists = [system / "sources.list", *sorted((system / "sources.list.d").glob("*"))]
    for number, path in enumerate(lists):
        if not path.is_file() or path.suffix not in (".list", ".sources"):
            continue
        text = path.read_text(encoding="utf-8")
        if not binary:
            text = deb_src_list(text, path.suffix == ".sources")
        (parts / f"{number:02}{path.suffix}").write_text(text, encoding="utf-8")


def apt_root(root: Path, binary: bool = False) -> dict[str, str]:
    """Creates the private APT root; returns the environment that selects it."""
    parts = root / "sources.list.d"
    shutil.rmtree(parts, ignore_errors=True)
    for folder in (parts, root / "lists/partial", root / "cache/archives/partial"):
        folder.mkdir(parents=True, exist_ok=True)
    write_sources(parts, binary=binary)
    config = root / "apt.conf"
    config.write_text(
        'Dir::Etc::sourcelist "/dev/null";\n'
        f'Dir::Etc::sourceparts "{parts}";\n'
        f'Dir::State::lists "{root}/lists";\n'
        f'Dir::Cache "{root}/cache";\n'
        'APT::Update::Post-Invoke-Success "";\n'
        'APT::Update::Post-Invoke "";\n'
        f'APT::Sandbox::User "{getpass.getuser()}";\n'
        'Acquire::Languages "none";\n'
        'Acquire::Retries "3";\n', encoding="utf-8")
    return {**os.environ, "APT_CONFIG": str(config)}


def run(command: list[str], environment: dict[str, str], cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)


def download(source: Source, folder: Path) -> None:
    environment = apt_root(folder.parent / "apt")
    # A third-party list without a source index makes this fail although Debian's part is there.
    update = run(["apt-get", "update", "-qq"], environment, folder)
    result = run(["apt-get", "source", "-qq", "--download-only", source.package], environment, folder)
    if result.returncode != 0:
        raise FetchError(f"apt-get source {source.package} failed:\n{update.stderr}{result.stderr}".rstrip())


def check(source: Source, folder: Path) -> None:
    tarball = folder / source.tarball
    if not tarball.is_file():
        raise FetchError(f"Debian's {source.package} no longer contains {source.tarball}")
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise FetchError(f"{source.tarball} has SHA-256 {digest}, expected {source.sha256}")


def unpack(source: Source, folder: Path, target: Path) -> None:
    """The upstream tarball alone: without Debian's patches and documentation."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    result = run(["tar", "-xf", str(folder / source.tarball), "--strip-components=1", "--no-same-owner", "-C", str(partial)],
                 dict(os.environ), folder)
    if result.returncode != 0:
        raise FetchError(f"tar failed:\n{result.stderr}".rstrip())
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)


def fetch(name: str, into: Path) -> Path:
    source = SOURCES[name]
    target = into.resolve() / name
    stamp = target.with_name(f"{name}.stamp")
    into.mkdir(parents=True, exist_ok=True)
    with open(into / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == source.sha256 and target.is_dir():
            return target
        print(f"Fetching the source of {name} (Debian source package {source.package})", flush=True)
        downloads = into.resolve() / "download"
        downloads.mkdir(exist_ok=True)
        if not (downloads / source.tarball).is_file():
            download(source, downloads)
        check(source, downloads)
        unpack(source, downloads, target)
        stamp.write_text(source.sha256, encoding="utf-8")
    return target


def dependency(package: str, pattern: str, folder: Path) -> str:
    """The package on which that one depends now and whose name matches."""
    environment = apt_root(folder / "apt", binary=True)
    update = run(["apt-get", "update", "-qq"], environment, folder)
    shown = run(["apt-cache", "depends", package], environment, folder)
    match = re.search(rf"Depends: ({pattern})", shown.stdout)
    if match is None:
        raise FetchError(f"Debian's {package} cannot be found:\n{update.stderr}{shown.stderr}".rstrip())
    return match[1]


def unpack_packages(packages: list[str], folder: Path) -> None:
    """Below `folder`, where `dependency` has read the lists."""
    environment = {**os.environ, "APT_CONFIG": str(folder / "apt/apt.conf")}
    downloaded = run(["apt-get", "download", "-qq", *packages], environment, folder)
    archives = list(folder.glob("*.deb"))
    if downloaded.returncode != 0 or len(archives) != len(packages):
        raise FetchError(f"apt-get download {' '.join(packages)} failed:\n{downloaded.stderr}".rstrip())
    for archive in archives:
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
        archive.unlink()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["fetch"])
    parser.add_argument("name", choices=sorted(SOURCES))
    parser.add_argument("--into", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        fetch(options.name, options.into)
    except (FetchError, OSError) as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
