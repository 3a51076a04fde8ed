"""Software faults for `tools/ant chaos`: one instruction of a running server is changed, as MINIX 3's injector
(Herder et al., DSN 2007) and Theseus's experiments (Boos et al., OSDI 2020) do it, or the server is made to misbehave."""

import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

LINE = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t?(.*)$")
FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")
PAGE = 4096

NOP, RET = b"\x90", b"\xc3"
JUMP_TO_ITSELF = b"\xeb\xfe"
WRITE_TO_NULL = b"\x31\xc0\x89\x00"  # xor %eax,%eax; mov %eax,(%rax)


@dataclass(frozen=True)
class Instruction:
    address: int
    code: bytes
    text: str
    function: str
    first: bool  # of its function


@dataclass(frozen=True)
class Fault:
    kind: str
    commands: tuple[str, ...]  # for the guest's console; {name} is the target
    place: str = ""
    # What the changed code does to data before it fails is its own; a fault that only stops the server may cost nothing.
    stops_only: bool = False


def disassemble(program: Path) -> list[Instruction]:
    listing = subprocess.run(["objdump", "-d", "-w", str(program)], check=True, capture_output=True, text=True).stdout
    instructions, function, first = [], "", False
    for line in listing.splitlines():
        if match := FUNCTION.match(line):
            function, first = match[2], True
        elif match := LINE.match(line):
            text = match[3].split("#")[0].strip()
            instructions.append(Instruction(int(match[1], 16), bytes.fromhex(match[2]), text, function, first))
            first = False
    return instructions


# Decoding, as far as the faults need it ---------------------------------------------------------------------

def modrm_at(code: bytes) -> int | None:
    """Where the ModRM byte is, or None. General-purpose instructions only: servers have no others."""
    at = 0
    while at < len(code) and code[at] in (0x66, 0xF2, 0xF3, 0xF0):
        at += 1
    if at < len(code) and code[at] & 0xF0 == 0x40:  # REX
        at += 1
    if at >= len(code):
        return None
    opcode = code[at]
    if opcode == 0x0F:
        at += 1
        if at >= len(code) or code[at] & 0xF0 == 0x80 or code[at] in (0x05, 0x07, 0x0B, 0x31, 0xA2) or code[at] & 0xF8 == 0xC8:
            return None
    elif not ((opcode < 0x40 and opcode & 7 < 4) or opcode in (0x63, 0x69, 0x6B) or 0x80 <= opcode <= 0x8F or
              opcode in (0xC0, 0xC1, 0xC6, 0xC7, 0xD0, 0xD1, 0xD2, 0xD3, 0xF6, 0xF7, 0xFE, 0xFF)):
        return None
    return at + 1 if at + 1 < len(code) else None


def writes_register_field(code: bytes, at: int) -> bool:
    """The ModRM byte's reg field is the destination (otherwise its r/m field is)."""
    opcode = code[at - 1]
    return opcode in (0x8B, 0x8A, 0x8D, 0x63, 0x69, 0x6B) or (opcode < 0x40 and opcode & 2 != 0) or \
        (at >= 2 and code[at - 2] == 0x0F)


def displacement_at(code: bytes) -> tuple[int, int] | None:
    """Place and length of the displacement of a memory operand."""
    at = modrm_at(code)
    if at is None:
        return None
    mod, rm = code[at] >> 6, code[at] & 7
    if mod == 3:
        return None
    place = at + (2 if rm == 4 else 1)
    length = {1: 1, 2: 4}.get(mod, 4 if mod == 0 and (rm == 5 or (rm == 4 and len(code) > at + 1 and code[at + 1] & 7 == 5)) else 0)
    return (place, length) if length != 0 and place + length <= len(code) else None


def changed(code: bytes, at: int, mask: int) -> bytes:
    return code[:at] + bytes([code[at] ^ mask]) + code[at + 1:]


# Each returns new bytes for the instruction's place, or None where it does not fit -----------------------------

def bit_flip(i: Instruction, rng: random.Random) -> bytes:
    return changed(i.code, rng.randrange(len(i.code)), 1 << rng.randrange(8))


def register_fault(i: Instruction, rng: random.Random, destination: bool) -> bytes | None:
    at = modrm_at(i.code)
    if at is None:
        return None
    in_reg_field = writes_register_field(i.code, at) == destination
    if not in_reg_field and i.code[at] >> 6 != 3:
        return None
    mask = rng.randrange(1, 8)
    return changed(i.code, at, mask << 3 if in_reg_field else mask)


def source_register(i: Instruction, rng: random.Random) -> bytes | None:
    return register_fault(i, rng, destination=False)


def destination_register(i: Instruction, rng: random.Random) -> bytes | None:
    return register_fault(i, rng, destination=True)


def corrupted_pointer(i: Instruction, rng: random.Random) -> bytes | None:
    place = displacement_at(i.code)
    if place is None:
        return None
    return changed(i.code, place[0] + rng.randrange(place[1]), rng.randrange(1, 256))


def skipped_instruction(i: Instruction, _rng: random.Random) -> bytes:
    return NOP * len(i.code)


def inverted_condition(i: Instruction, _rng: random.Random) -> bytes | None:
    if i.code[0] & 0xF0 == 0x70:
        return changed(i.code, 0, 1)
    if len(i.code) >= 2 and i.code[0] == 0x0F and i.code[1] & 0xF0 == 0x80:
        return changed(i.code, 1, 1)
    return None


def null_dereference(_i: Instruction, _rng: random.Random) -> bytes:
    return WRITE_TO_NULL


def infinite_loop(_i: Instruction, _rng: random.Random) -> bytes:
    return JUMP_TO_ITSELF


def bad_return_value(i: Instruction, rng: random.Random) -> bytes | None:
    if not i.first:
        return None
    return b"\xb8" + rng.randrange(1 << 32).to_bytes(4, "little") + RET  # mov $..., %eax; ret


CODE_FAULTS = {function.__name__: function for function in (
    bit_flip, source_register, destination_register, corrupted_pointer, skipped_instruction, inverted_condition,
    null_dereference, infinite_loop, bad_return_value)}
STOPS_ONLY = {"null_dereference", "infinite_loop"}

# What a server does to itself, or what happens to it, by commands of the console.
OTHER_FAULTS = {
    "exception": ("crash {name} wild",),
    "panic": ("crash {name} panic",),
    "hang": ("hang {name}",),
    "kill": ("kill {name}",),
    "lost_reply": ("crash {name} lost_reply",),
    "double_free": ("crash {name} double_free",),
    "overrun": ("crash {name} overrun",),
    "runaway": ("crash {name} runaway",),
    "during_recovery": ("kill {name}", "kill {name}"),
    "during_replacement": ("stop-after {name} {count}", "replace {name}"),
}
MAY_DAMAGE = {"overrun", "double_free"}


class Planner:
    """Draws faults for one program from a seed. Equal seeds and programs give equal faults."""

    def __init__(self, program: Path, seed: int, kind: str | None = None):
        self.kinds = [kind] if kind else [*CODE_FAULTS, *OTHER_FAULTS]
        self.rng = random.Random(seed)
        self.instructions = disassemble(program)
        if not self.instructions:
            raise ValueError(f"{program}: no instructions")

    def code_fault(self, kind: str) -> Fault:
        while True:
            instruction = self.rng.choice(self.instructions)
            code = CODE_FAULTS[kind](instruction, self.rng)
            # In one page, as process_poke wants it.
            if code is None or code == instruction.code or instruction.address % PAGE + len(code) > PAGE:
                continue
            place = f"{instruction.function}, {instruction.text!r} at {instruction.address:#x}: {code.hex()}"
            return Fault(kind, (f"poke {{name}} {instruction.address:#x} {code.hex()}",), place, kind in STOPS_ONLY)

    def draw(self) -> Fault:
        kind = self.rng.choice(self.kinds)
        if kind in CODE_FAULTS:
            return self.code_fault(kind)
        count = str(self.rng.randrange(1, 2000))
        commands = tuple(command.replace("{count}", count) for command in OTHER_FAULTS[kind])
        return Fault(kind, commands, stops_only=kind not in MAY_DAMAGE)
