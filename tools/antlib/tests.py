"""`tools/ant test`: builds and runs the tests through CTest."""

import os
import subprocess

from antlib import build, setup
from antlib.paths import BUILD
from antlib.progress import say


def add_arguments(parser) -> None:
    parser.add_argument("which", nargs="?", choices=["host", "guest", "all"], default="all")
    parser.add_argument("-R", metavar="REGEX", dest="regex", help="only tests whose name matches")
    parser.add_argument("--long", action="store_true", help="the long ones too")


def main(options) -> int:
    setup.ensure(setup.BUILD_PACKAGES, setup.RUN_PACKAGES, setup.TEST_PACKAGES)
    build.everything()
    command = ["ctest", "--test-dir", str(BUILD), "--output-on-failure", "--no-tests=error", "-j", str(jobs())]
    if options.which != "all":
        command += ["-L", f"^{options.which}$"]
    if not options.long:
        command += ["-LE", "^long$"]
    if options.regex:
        command += ["-R", options.regex]
    say("Running the tests")
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


def jobs() -> int:
    return max(1, len(os.sched_getaffinity(0)))
