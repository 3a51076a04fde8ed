"""The same image under Bochs, which has other devices, other bugs and no RTL8139."""

import os
import subprocess
import time

import pytest

from harness import IMAGE, LOGS

ROM = "/usr/share/seabios/bios.bin"
CONFIGURATION = """
cpu: model={model}, ips=100000000, reset_on_triple_fault=0
memory: guest=128, host=128
romimage: file={rom}
vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin
ata0-master: type=cdrom, path="{image}", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev="{serial}"
log: "{log}"
panic: action=fatal
error: action=report
info: action=ignore
display_library: sdl2
clock: sync=none
sound: waveoutdrv=dummy
"""


def boot(model: str, seconds: float) -> str:
    folder = LOGS / f"bochs-{model}"
    folder.mkdir(parents=True, exist_ok=True)
    serial = folder / "serial.log"
    serial.unlink(missing_ok=True)
    (folder / "bochsrc").write_text(
        CONFIGURATION.format(model=model, rom=ROM, image=IMAGE, serial=serial, log=folder / "bochs.log"))
    (folder / "commands").write_text("c\n")
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    with open(folder / "output.log", "wb") as output:
        process = subprocess.Popen(["bochs", "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "commands")],
                                   env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder)
    try:
        return wait_for_prompt(process, serial, seconds)
    finally:
        process.kill()
        process.wait()


def wait_for_prompt(process: subprocess.Popen, serial, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    text = ""
    while time.monotonic() < deadline and process.poll() is None:
        text = serial.read_text("utf-8", "replace") if serial.is_file() else ""
        if "ant> " in text or "panic of the inner core" in text:
            return text
        time.sleep(0.2)
    return text


@pytest.mark.parametrize("model", ["p4_prescott_celeron_336", "corei7_haswell_4770"])
def test_boots_to_the_prompt(model):
    text = boot(model, 300)
    assert "panic of the inner core" not in text, text
    assert "ant> " in text, text
    assert "no RTL8139" in text, "it must say that there is no RTL8139"
