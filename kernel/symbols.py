#!/usr/bin/env python3
"""Turns a linked kernel into an assembly file with its function names, for the symbolised panic.

usage: symbols.py KERNEL OUTPUT.S      (the kernel of the first link)
       symbols.py --empty OUTPUT.S     (what the first link uses)

The table lies behind the text, so that the second link does not move a function.
"""

import re
import subprocess
import sys

MAX_NAME = 72


def short(name):
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


def functions(kernel):
    listing = subprocess.run(["nm", "-C", "-n", kernel], check=True, capture_output=True, text=True).stdout
    start, found = None, {}
    for line in listing.splitlines():
        address, kind, name = line.split(" ", 2) if line[0] != " " else ("0", "", "")
        if name == "kernel_text_start":
            start = int(address, 16)
        elif kind in ("t", "T", "w", "W"):
            found.setdefault(int(address, 16), short(name))
    if start is None:
        sys.exit(f"symbols.py: {kernel} has no kernel_text_start")
    return [(address - start, name) for address, name in sorted(found.items()) if address >= start]


def assembly(symbols):
    lines = ['.section .symbols, "a"', ".balign 4"]
    lines += [".global kernel_symbol_count, kernel_symbols, kernel_symbol_names"]
    lines += ["kernel_symbol_count:", f".long {len(symbols)}", "kernel_symbols:"]
    names, offsets, size = [], {}, 0
    for address, name in symbols:
        if name not in offsets:
            offsets[name] = size
            names.append(name)
            size += len(name.encode()) + 1
        lines.append(f".long {address}, {offsets[name]}")
    lines.append("kernel_symbol_names:")
    for name in names:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'.asciz "{quoted}"')
    lines.append('.section .note.GNU-stack, "", @progbits')
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    symbols = [] if sys.argv[1] == "--empty" else functions(sys.argv[1])
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(assembly(symbols))


if __name__ == "__main__":
    main()
