"""The contract of `tools/ant run` and `tools/ant cc`."""

import os
import signal
import subprocess
import time

import pytest

from harness import BUILD, ROOT, qemu

TOOL = str(ROOT / "tools/ant")
ENVIRONMENT = {**os.environ, "ANT_BUILD": str(BUILD)}


def ant(*arguments: str, timeout: float = 600, **options) -> subprocess.CompletedProcess:
    return subprocess.run([TOOL, *arguments], env=ENVIRONMENT, text=True, capture_output=True, timeout=timeout, check=False,
                          **({"stdin": subprocess.DEVNULL} | options))


def script(tmp_path, *lines: str) -> str:
    path = tmp_path / "script"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_script_ends_with_the_last_status(tmp_path):
    good = ant("run", "--script", script(tmp_path, "help", "ps"))
    assert good.returncode == 0, good.stdout + good.stderr
    assert "guardian" in good.stdout
    bad = ant("run", "--script", script(tmp_path, "ps", "kill nobody"))
    assert bad.returncode not in (0, 3, 4), bad.stdout + bad.stderr


def test_script_that_takes_too_long(tmp_path):
    result = ant("run", "--script", script(tmp_path, "ping 10.0.2.200", "sum 4000000000 1"), "--timeout", "15")
    assert result.returncode == qemu.TIMED_OUT, result.stdout + result.stderr


def test_console_on_pipes():
    result = ant("run", "--headless", stdin=None, input="ps\npoweroff\n")
    assert result.returncode == 0, result.stderr
    assert "guardian" in result.stdout


def test_panic_says_where_and_ends_with_three(tmp_path):
    # No guardian that can be loaded: the contradiction that can be had from outside.
    guardian = tmp_path / "guardian"
    guardian.write_text("This is no program.")
    result = ant("run", "--headless", "--add", str(guardian), "--timeout", "120")
    assert result.returncode == 3, result.stdout + result.stderr
    assert "panic of the inner core: the guardian's program is not a valid image" in result.stdout
    assert "kernel_main+0x" in result.stdout


def test_needs_a_terminal_or_headless():
    assert ant("run").returncode == 2


def test_sockets_and_process_id(tmp_path):
    serial, qmp, pid = tmp_path / "serial", tmp_path / "qmp", tmp_path / "pid"
    with subprocess.Popen([TOOL, "run", "--headless", "--serial-socket", str(serial), "--qmp", str(qmp), "--pid", str(pid)],
                          env=ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (serial.exists() and qmp.exists() and pid.exists()) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(int(pid.read_text()), signal.SIGTERM)
        process.wait(60)


@pytest.mark.parametrize("arguments", [["--forward", "nonsense"], ["--mem", "1"], ["--add", "/no/such/file"], ["--smp", "0"]])
def test_wrong_options(arguments):
    result = ant("run", "--headless", *arguments)
    assert result.returncode == 2
    assert result.stderr.strip()


def test_unchanged_c_program(tmp_path):
    source = tmp_path / "hello.c"
    source.write_text('#include <stdio.h>\n#include <stdlib.h>\n'
                      'int main(int argc, char** argv) {\n'
                      '    char* text = malloc(100);\n'
                      '    snprintf(text, 100, "%s %.3f %d", argc > 1 ? argv[1] : "?", 2.5 / 2, argc);\n'
                      '    puts(text);\n    free(text);\n    return 7;\n}\n')
    program = tmp_path / "hello"
    compiled = ant("cc", str(source), "-o", str(program))
    assert compiled.returncode == 0, compiled.stderr
    result = ant("run", "--add", str(program), "--script", script(tmp_path, "run hello world"))
    assert "world 1.250 2" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 7


def test_cpp_program(tmp_path):
    source = tmp_path / "greet.cpp"
    source.write_text('#include <ant/abi/manifest.hpp>\n#include <ant/process.hpp>\n'
                      'ANT_MANIFEST(.version = 1, .name = "greet", .callees = "console");\n'
                      'int main() { ant::log("pid %u", ant::startup().pid); return 5; }\n')
    program = tmp_path / "greet"
    compiled = ant("cc", str(source), "-o", str(program))
    assert compiled.returncode == 0, compiled.stderr
    assert ant("run", "--add", str(program), "--script", script(tmp_path, "run greet")).returncode == 5


def test_debugger_knows_the_slots():
    result = ant("debug", "--", "-batch", "-ex", "hbreak ant::core::complete_process", "-ex", "ignore 1 4", "-ex", "continue",
                 "-ex", "ant slots", "-ex", "ant icas", "-ex", "ant processes", "-ex", "ant queue guardian")
    assert "guardian" in result.stdout and "console" in result.stdout, result.stdout + result.stderr


def test_benches_have_names():
    assert "ipc" in ant("bench", "--list").stdout
    assert ant("bench", "nonsense").returncode == 2
    assert ant("bench", "memory", "--peer", "linux").returncode == 2  # which has none
    assert ant("bench", "ipc", "--peer", "nonsense").returncode == 2
