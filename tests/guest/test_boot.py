"""The one image boots on every kind of machine."""

import pytest

from harness import Machine, qemu

MACHINES = [
    ("bios", "cd", "pc", "max"),
    ("bios", "usb", "q35", "Haswell"),
    ("uefi", "cd", "q35", "Nehalem"),
    ("uefi", "usb", "pc", "max"),
    ("bios", "cd", "q35", "Nehalem"),
    ("bios", "usb", "pc", "Nehalem"),
]


@pytest.mark.parametrize("firmware, boot, machine, cpu", MACHINES)
def test_boots_to_the_prompt(firmware, boot, machine, cpu):
    name = f"boot-{firmware}-{boot}-{machine}-{cpu}"
    with Machine(name, firmware=firmware, boot=boot, machine=machine, cpu=cpu) as guest:
        assert "rtl8139" in guest.run("servers")
        guest.wait_for_network()
        assert guest.power_off() == qemu.POWERED_OFF


def test_screen_shows_the_prompt_without_a_serial_line():
    with Machine("boot-screen") as guest:
        guest.run("help")
        assert "ant> " in guest.vga_text() + " "
        guest.screenshot()


def test_framebuffer_is_drawn_under_uefi():
    with Machine("boot-framebuffer", firmware="uefi") as guest:
        before = guest.screenshot("before.png").read_bytes()
        guest.run("help")
        assert guest.screenshot("after.png").read_bytes() != before


def test_keyboard_types_into_the_shell():
    with Machine("boot-keyboard") as guest:
        for key in ("h", "e", "l", "p", "ret"):
            guest.qmp.execute("send-key", keys=[{"type": "qcode", "data": key}])
        guest.console.expect(r"poweroff", 60)


def test_runs_without_a_network_card():
    with Machine("boot-no-card", cards=[]) as guest:
        assert "no RTL8139" in guest.console.transcript, "it must say that there is no RTL8139"
        guest.run("ps")
        assert guest.power_off() == qemu.POWERED_OFF


def test_reboot_comes_back():
    with Machine("boot-reboot", reboot=True) as guest:
        guest.console.send("reboot\n")
        guest.console.until_prompt(240)
        guest.run("ps")
