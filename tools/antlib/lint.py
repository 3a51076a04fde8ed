"""`tools/ant lint`: clang-tidy and clang-format over the project's own sources."""

import json
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from antlib import build, setup, tests
from antlib.paths import BUILD, ROOT
from antlib.progress import Failure, Progress, say

# What clang does not know; it takes -mgeneral-regs-only too strictly for the library's headers.
GCC_ONLY = ("-malign-data=abi", "-fno-var-tracking", "-mgeneral-regs-only", "-fcall-used-", "-fno-tree-loop-distribute-patterns")
FOLDERS = ("kernel", "libant", "drivers", "servers", "user", "tests", "tools", "cmake")
SUFFIXES = (".c", ".cpp", ".hpp")
SLIM_CATCH2 = ROOT / "tools/lint"  # instead of Catch2's headers, which would take most of the time


def add_arguments(parser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="default: all")


def main(options) -> int:
    setup.ensure(setup.BUILD_PACKAGES, setup.LINT_PACKAGES)
    build.configure()
    wanted = {Path(file).resolve() for file in options.files}
    sources = [path for path in own_sources() if not wanted or path in wanted]
    badly_formatted = unformatted(sources)
    for path in badly_formatted:
        say(f"{path.relative_to(ROOT)}: not as clang-format would have it")
    complaints = tidy([entry for entry in clang_commands() if Path(entry["file"]) in set(sources)])
    if badly_formatted or complaints:
        raise Failure(f"{len(badly_formatted)} files to format, {complaints} with complaints of clang-tidy")
    say("Nothing to complain about.")
    return 0


def own_sources() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)


def unformatted(sources: list[Path]) -> list[Path]:
    def differs(path: Path) -> bool:
        return subprocess.run(["clang-format", "--dry-run", "-Werror", str(path)], capture_output=True, check=False).returncode != 0

    with ThreadPoolExecutor(tests.jobs()) as pool:
        return [path for path, bad in zip(sources, pool.map(differs, sources)) if bad]


def clang_commands() -> list[dict]:
    """compile_commands.json in clang's words, each file once, kept in the build folder."""
    entries = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8")):
        words = [word for word in shlex.split(entry["command"]) if not word.startswith(GCC_ONLY)]
        entries.setdefault(entry["file"], {**entry, "command": shlex.join(words)})
    folder = BUILD / "clang"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(list(entries.values())), encoding="utf-8")
    return [entry for entry in entries.values() if Path(entry["file"]).suffix in SUFFIXES]


def tidy(entries: list[dict]) -> int:
    def check(entry: dict) -> str:
        command = ["clang-tidy-19", "--quiet", "-p", str(BUILD / "clang"), f"--extra-arg-before=-I{SLIM_CATCH2}", entry["file"]]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.stdout + result.stderr if result.returncode != 0 else ""

    bad = 0
    with Progress("Checking with clang-tidy") as progress, ThreadPoolExecutor(tests.jobs()) as pool:
        for done, output in enumerate(pool.map(check, entries), 1):
            progress.update(done / len(entries), f"{done}/{len(entries)}")
            if output:
                progress.clear()
                say(output)
                bad += 1
    return bad
