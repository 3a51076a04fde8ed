"""A fault of the inner core itself ends the machine with a report. None is known, so QEMU's debugger makes one."""

import re
import socket
import subprocess

from harness import BUILD, Machine, assert_healthy, qemu

INVALID = bytes([0x0F, 0x0B])  # ud2


def address_of(function: str) -> int:
    symbols = subprocess.run(["nm", "-C", str(BUILD / "kernel/kernel")], check=True, capture_output=True, text=True).stdout
    return int(re.search(rf"^(\w+) T {re.escape(function)}$", symbols, re.MULTILINE)[1], 16)


def ask_debugger(connection: socket.socket, packet: str) -> str:
    """GDB's remote protocol: $packet#checksum, acknowledged by +."""
    connection.sendall(f"${packet}#{sum(packet.encode()) % 256:02x}".encode())
    received = b""
    while True:
        part = connection.recv(4096)
        assert part, "the debugger's connection was closed"
        received += part
        for answer in re.findall(rb"\$([^#]*)#..", received):
            if not answer.startswith(b"T"):  # that the machine has stopped
                connection.sendall(b"+")
                return answer.decode()


def overwrite(guest: Machine, address: int, code: bytes) -> None:
    port = qemu.any_free_port()
    guest.monitor(f"gdbserver tcp:127.0.0.1:{port}")
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        assert ask_debugger(connection, f"M{address:x},{len(code):x}:{code.hex()}") == "OK"
        assert ask_debugger(connection, "D") == "OK"  # and the machine goes on


def test_a_fault_in_the_core_is_reported_and_stops_the_machine():
    with Machine("panic") as guest:
        overwrite(guest, address_of("ant::core::timer_expired()"), INVALID)
        guest.console.expect(r"\*\*\* panic of the inner core: invalid opcode .*\n", 60)
        guest.console.expect(r"^at .*timer_expired", 60)
        guest.console.expect(r"^stack:\n(.*\n)*\*\*\* stopped", 60)
        assert qemu.ending(guest.process.wait(60))[0] == qemu.PANIC


def test_a_non_maskable_interrupt_is_noted_and_harms_nothing():
    with Machine("nmi") as guest:
        for _ in range(20):
            guest.qmp.execute("inject-nmi")
        guest.wait_for_network()
        assert "non-maskable interrupt" in guest.run("log")
        assert_healthy(guest)
        assert guest.power_off() == qemu.POWERED_OFF
