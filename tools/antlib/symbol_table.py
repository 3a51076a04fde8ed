"""Function names of the core and of all programs, for panics and the places in fault records: one file in the boot archive.

usage: symbol_table.py OUTPUT NAME=PROGRAM...      (PROGRAM: linked, not stripped)

Numbers are little-endian; `varint` has seven bits per byte, the low ones first, the top bit set in all but the last.

    "ANTSYMS1"
    u32 programs, u32 offset of the names
    per program: char name[32], u32 offset of its functions, u32 functions
    per function, in order of address: varint address behind the function before it, varint bytes, varint name
    names, each with a NUL; `name` above counts from the first
"""

import re
import struct
import subprocess
import sys
from pathlib import Path

MAGIC = b"ANTSYMS1"
NAME_BYTES = 32
MAX_NAME = 72


def short(name: str) -> str:
    """A demangled name without parameters and template arguments: enough to find the place."""
    name = name.replace("(anonymous namespace)::", "").replace("ant::", "")
    name = re.sub(r" \[clone [^]]*\]", "", name)
    depth, out = 0, []
    for character in name:
        if character in "<(":
            depth += 1
        if depth == 0:
            out.append(character)
        if character in ">)" and depth > 0:
            depth -= 1
    short_name = "".join(out).strip() or name
    if "operator" not in short_name:  # functions made from templates have their type in front
        short_name = short_name.rpartition(" ")[2]
    return short_name[:MAX_NAME]


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def functions(program: Path) -> list[tuple[int, int, str]]:
    """Address, size and name. One without a size reaches up to the next."""
    listing = subprocess.run(["nm", "-C", "-n", "-S", program], check=True, capture_output=True, text=True).stdout
    found: dict[int, tuple[int, str]] = {}
    for line in listing.splitlines():
        address, _, rest = line.partition(" ")
        size, kind, name = 0, *rest.split(" ", 1)
        if len(kind) == 16:
            size, (kind, name) = int(kind, 16), name.split(" ", 1)
        if kind in "tTwW" and address:
            found.setdefault(int(address, 16), (size, short(name)))
    ordered = sorted(found)
    behind = ordered[1:] + ordered[-1:]
    return [(address, found[address][0] or following - address, found[address][1])
            for address, following in zip(ordered, behind)]


def table(programs: dict[str, list[tuple[int, int, str]]]) -> bytes:
    names, offsets = bytearray(), {}
    index, bodies = bytearray(), bytearray()
    first_body = len(MAGIC) + 8 + len(programs) * (NAME_BYTES + 8)
    for program, symbols in programs.items():
        if len(program.encode()) >= NAME_BYTES:
            raise ValueError(f"{program}: name is too long for the symbol table")
        index += struct.pack(f"<{NAME_BYTES}sII", program.encode(), first_body + len(bodies), len(symbols))
        end = 0
        for address, size, name in symbols:
            if name not in offsets:
                offsets[name] = len(names)
                names += name.encode() + b"\0"
            # Two names for overlapping code: the earlier one ends where the later begins.
            bodies += varint(max(address - end, 0)) + varint(size) + varint(offsets[name])
            end = max(address, end) + size
    return MAGIC + struct.pack("<II", len(programs), first_body + len(bodies)) + index + bodies + names


def main(arguments: list[str]) -> int:
    output = Path(arguments[0])
    programs = {}
    for argument in arguments[1:]:
        name, _, path = argument.partition("=")
        programs[name] = functions(Path(path))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(table(programs))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
