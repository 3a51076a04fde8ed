"""`tools/ant cc`: compiles a C or C++ program for the guest, with the flags of the build."""

import json
import shlex
import subprocess
import tempfile
from pathlib import Path

from antlib import build, setup
from antlib.paths import BUILD
from antlib.progress import Failure, say

C_SUFFIXES = (".c",)
CXX_SUFFIXES = (".cpp", ".cc", ".cxx")


def add_arguments(parser) -> None:
    parser.add_argument("sources", nargs="+", metavar="SRC", help="C (musl's library) or C++ (libant) sources")
    parser.add_argument("-o", dest="output", metavar="PROGRAM", required=True)
    parser.add_argument("-I", dest="includes", metavar="DIR", action="append", default=[])
    parser.add_argument("-D", dest="definitions", metavar="NAME[=VALUE]", action="append", default=[])


def main(options) -> int:
    flags = [*(f"-I{path}" for path in options.includes), *(f"-D{text}" for text in options.definitions)]
    setup.ensure(setup.BUILD_PACKAGES)
    make([Path(source) for source in options.sources], Path(options.output), flags)
    say(f"{options.output}: put it into a run with `tools/ant run --add {options.output}`")
    return 0


def make(sources: list[Path], output: Path, user_flags: list[str]) -> None:
    """A program for the guest."""
    for source in sources:
        if not source.is_file():
            raise Failure(f"{source}: no such file", 2)
        if source.suffix not in C_SUFFIXES + CXX_SUFFIXES:
            raise Failure(f"{source}: neither C nor C++", 2)
    on_libc = all(source.suffix in C_SUFFIXES for source in sources)
    build.configure()
    kit = json.loads((BUILD / "guest_kit.json").read_text(encoding="utf-8"))
    build.ninja(["ant", "antc", "ant_c_start"] if on_libc else ["ant"], "Building libant")
    with tempfile.TemporaryDirectory(prefix="ant-cc-") as folder:
        compile_and_link(kit, sources, output, on_libc, Path(folder), user_flags)


def compile_and_link(kit: dict, sources: list[Path], output: Path, on_libc: bool, folder: Path, user_flags: list[str]) -> None:
    objects = []
    for number, source in enumerate(sources):
        target = folder / f"{number}.o"
        compiler, flags = (kit["cc"], kit["c_flags"]) if on_libc else compiler_of(kit, source)
        run([compiler, *flags, *user_flags, "-c", str(source), "-o", str(target)])
        objects.append(str(target))
    if on_libc:
        objects += [str(compiled_manifest(kit, output.name, folder)), *kit["c_start"]]
    libraries = kit["c_libraries"] if on_libc else kit["libraries"]
    run([kit["cxx"], *kit["link_flags"], *objects, *libraries, "-o", str(output)])


def compiler_of(kit: dict, source: Path) -> tuple[str, list[str]]:
    if source.suffix in C_SUFFIXES:
        return kit["cc"], kit["freestanding_c_flags"]
    return kit["cxx"], kit["freestanding_flags"]


def compiled_manifest(kit: dict, name: str, folder: Path) -> Path:
    source, target = folder / "manifest.cpp", folder / "manifest.o"
    template = Path(kit["manifest_template"]).read_text(encoding="utf-8")
    source.write_text(template.replace("@ANT_PROGRAM_NAME@", name), encoding="utf-8")
    run([kit["cxx"], *kit["freestanding_flags"], "-c", str(source), "-o", str(target)])
    return target


def run(command: list[str]) -> None:
    if subprocess.run(command, check=False).returncode != 0:
        raise Failure(f"failed: {shlex.join(command)}")
