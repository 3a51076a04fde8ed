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


def run_to(connection: socket.socket, address: int) -> None:
    assert ask_debugger(connection, f"Z1,{address:x},1") == "OK"
    connection.sendall(b"$c#63")
    received = b""
    while b"$T" not in received:
        received += connection.recv(4096)
    connection.sendall(b"+")
    assert ask_debugger(connection, f"z1,{address:x},1") == "OK"


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


def test_a_trap_flag_that_comes_into_the_core_is_cleared():
    """As Bochs does it: the trap of a SYSCALL comes behind it, in the core, with whatever stack pointer the user has."""
    rsp, flags, trap_flag = 7, 17, 1 << 8
    subtract = 5  # bytes of the first instruction
    with Machine("trap-flag") as guest:
        port = qemu.any_free_port()
        entry = address_of("syscall_entry")
        guest.monitor(f"gdbserver tcp:127.0.0.1:{port}")
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            def get(register: int) -> int:
                return int.from_bytes(bytes.fromhex(ask_debugger(connection, f"p{register:x}")), "little")

            def put(register: int, value: int, size: int) -> None:
                assert ask_debugger(connection, f"P{register:x}={value.to_bytes(size, 'little').hex()}") == "OK"

            ask_debugger(connection, "qXfer:features:read:target.xml:0,ffb")  # QEMU wants to be asked before it tells single registers
            for _ in range(3):
                run_to(connection, entry)
                stack = get(rsp)
                put(rsp, 0, 8)
                put(flags, get(flags) | trap_flag, 4)
                run_to(connection, entry + subtract)
                assert get(flags) & trap_flag == 0
                put(rsp, stack, 8)
            assert ask_debugger(connection, "D") == "OK"
        assert_healthy(guest)
        assert guest.power_off() == qemu.POWERED_OFF


def test_a_non_maskable_interrupt_is_noted_and_harms_nothing():
    with Machine("nmi") as guest:
        for _ in range(20):
            guest.qmp.execute("inject-nmi")
        guest.wait_for_network()
        assert "non-maskable interrupt" in guest.run("log")
        assert_healthy(guest)
        assert guest.power_off() == qemu.POWERED_OFF
