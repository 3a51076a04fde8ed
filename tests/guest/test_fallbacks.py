"""The core uses what the machine has: timer and interrupt controllers of all ages."""

import pytest

from harness import Machine, assert_healthy, qemu

CHOICES = {
    "8259-8254": {"cpu": "max,-apic"},
    "io-apic": {"command_line": "debug_exit=1 ioapic"},
    "io-apic-wanted-in-vain": {"cpu": "max,-apic", "command_line": "debug_exit=1 ioapic"},
    "io-apic-q35": {"machine": "q35", "command_line": "debug_exit=1 ioapic"},
}


@pytest.mark.parametrize("choice", CHOICES)
def test_time_and_interrupts(choice):
    with Machine(f"fallback-{choice}", **CHOICES[choice]) as guest:
        assert any(row["name"] == "rtl8139" for row in guest.json("servers"))
        assert ("no I/O APIC" in guest.run("log")) == (choice == "io-apic-wanted-in-vain")
        guest.run("ping 10.0.2.2")  # the card's interrupts, and time-outs
        guest.wait_for_network()
        output, _ = guest.command("replace rtl8139=bad-silent")  # ends by the timer
        assert "error=not_registered" in output
        assert_healthy(guest)
        assert guest.power_off() == qemu.POWERED_OFF
