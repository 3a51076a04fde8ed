"""Packs the boot archive: a plain ustar file. The guardian is the first member, so that the inner core finds it soon."""

import sys
from pathlib import Path

PAGE = 4096
BLOCK = 512


def header(name: str, size: int) -> bytes:
    encoded = name.encode()
    if len(encoded) > 99:
        raise ValueError(f"{name}: name is too long for the boot archive")
    fields = bytearray(BLOCK)

    def put(offset: int, data: bytes) -> None:
        fields[offset:offset + len(data)] = data

    put(0, encoded)
    put(100, b"0000644\0")
    put(108, b"0000000\0")
    put(116, b"0000000\0")
    put(124, b"%011o\0" % size)
    put(136, b"%011o\0" % 0)
    put(148, b" " * 8)
    put(156, b"0")
    put(257, b"ustar\00000")
    put(148, b"%06o\0 " % sum(fields))
    return bytes(fields)


def pack(members: list[tuple[str, bytes]]) -> bytes:
    ordered = sorted(members, key=lambda member: member[0] != "guardian")
    names = [name for name, _ in ordered]
    doubles = {name for name in names if names.count(name) > 1}
    if doubles:
        raise ValueError(f"in the boot archive twice: {', '.join(sorted(doubles))}")
    out = bytearray()
    for name, data in ordered:
        out += header(name, len(data)) + data
        out += bytes(-len(out) % BLOCK)
    out += bytes(2 * BLOCK)
    out += bytes(-len(out) % PAGE)
    return bytes(out)


def unpack(archive: bytes) -> list[tuple[str, bytes]]:
    """The members of an archive made by pack()."""
    members = []
    position = 0
    while position + BLOCK <= len(archive) and archive[position]:
        block = archive[position:position + BLOCK]
        name = block[:100].split(b"\0")[0].decode()
        size = int(block[124:135], 8)
        start = position + BLOCK
        members.append((name, archive[start:start + size]))
        position = start + size + (-size % BLOCK)
    return members


def main(arguments: list[str]) -> int:
    output = Path(arguments[0])
    members = []
    for argument in arguments[1:]:
        name, _, path = argument.partition("=")
        members.append((name, Path(path).read_bytes()))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(pack(members))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
