"""`tools/ant COMMAND`: see `tools/ant help`."""

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from antlib import bench, build, cc, chaos, debug, lint, run, tests, trace  # noqa: E402
from antlib.progress import Failure, say  # noqa: E402


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tools/ant", description="Builds, runs, tests and measures AnT.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str, function, arguments=None) -> None:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        if arguments:
            arguments(sub)

    add("run", "Boots in QEMU, with the console here.", run.main, run.add_arguments)
    add("test", "Builds and runs the tests.", tests.main, tests.add_arguments)
    add("bench", "Measures; results in build/bench/.", bench.main, bench.add_arguments)
    add("trace", "What the inner core does while commands run: a file for Perfetto, and a table.", trace.main, trace.add_arguments)
    add("image", "Makes build/ant.iso: CD, USB stick, BIOS, UEFI.", build.main_image)
    add("cc", "Compiles a C or C++ program for the guest.", cc.main, cc.add_arguments)
    add("chaos", "Injects faults into running servers under load.", chaos.main, chaos.add_arguments)
    add("debug", "QEMU stopped under gdb.", debug.main, debug.add_arguments)
    add("lint", "clang-tidy and clang-format.", lint.main, lint.add_arguments)
    return top


def main(arguments: list[str]) -> int:
    top = parser()
    if arguments[:1] == ["help"] or not arguments:
        top.print_help()
        return 0 if arguments else 2
    options = top.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that machines end with us
    try:
        return options.function(options)
    except Failure as failure:
        say(f"tools/ant: {failure}")
        return failure.status
    except FileNotFoundError as error:
        say(f"tools/ant: {error.filename}: not found")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
