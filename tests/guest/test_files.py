"""Files between host and guest: what the host puts on a disk, what the guest leaves there, from boot to boot."""

import random

import pytest

from harness import Machine, assert_healthy, disks

MACHINES = ["pc", "q35"]


def lua(lines: str) -> str:
    return lines.strip() + "\n"


def host_file(image, path: str, tmp_path) -> bytes:
    """Contents of a file on an image, read by the host's tools."""
    target = tmp_path / "dumped"
    target.unlink(missing_ok=True)
    disks.tool("debugfs", "-R", f"dump {path} {target}", str(image))
    return target.read_bytes()


def put(image, files: dict, tmp_path) -> None:
    sources = {}
    for number, (name, contents) in enumerate(files.items()):
        sources[name] = tmp_path / f"source{number}"
        sources[name].write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    disks.put(image, sources)


@pytest.mark.parametrize("machine", MACHINES)
def test_from_boot_to_boot(tmp_path, machine):
    image = disks.copy(disks.template(), tmp_path / "disk.img")
    data = random.Random(1).randbytes(3_000_017)
    put(image, {"/home/data": data, "/home/copy.lua": lua("""
local from = assert(io.open('/home/data', 'rb'))
local to = assert(io.open('/home/copied', 'wb'))
for block in from:lines(10007) do assert(to:write(block)) end
assert(to:close())
print('copied', from:seek('end'))
"""), "/home/compare.lua": lua("""
local a, b = assert(io.open('/home/data', 'rb')):read('a'), assert(io.open('/home/copied', 'rb')):read('a')
print(a == b and #a == 3000017 and 'equal' or 'different')
assert(os.rename('/home/copied', '/home/renamed'))
assert(os.remove('/home/data'))
""")}, tmp_path)
    with Machine(f"files-{machine}", disk=image, machine=machine) as guest:
        assert "copied\t3000017" in guest.run("run lua /home/copy.lua")
        assert guest.power_off() == 0
    clean, text = disks.check(image)
    assert clean, text
    assert host_file(image, "/home/copied", tmp_path) == data
    with Machine(f"files-{machine}", disk=image, machine=machine) as guest:
        assert "equal" in guest.run("run lua /home/compare.lua")
        assert_healthy(guest)
        assert guest.power_off() == 0
    clean, text = disks.check(image)
    assert clean, text
    assert host_file(image, "/home/renamed", tmp_path) == data
    assert "data" not in disks.tool("debugfs", "-R", "ls /home", str(image)).stdout


@pytest.mark.parametrize("options", [("-b", "1024"), ("-O", "^metadata_csum,^64bit"), ("-O", "^has_journal"), ("-I", "128")])
def test_other_file_systems(tmp_path, options):
    """What the host's tools make with other settings is read and written as well."""
    image = disks.make(tmp_path / "disk.img", 64, options=options)
    put(image, {"/home/write.lua": lua("""
local f = assert(io.open('/home/new', 'w'))
for i = 1, 20000 do f:write(i, '\\n') end
assert(f:close())
print('written')
""")}, tmp_path)
    with Machine("other-file-systems", disk=image) as guest:
        assert "written" in guest.run("run lua /home/write.lua")
        assert guest.power_off() == 0
    clean, text = disks.check(image)
    assert clean, text
    assert host_file(image, "/home/new", tmp_path) == "".join(f"{i}\n" for i in range(1, 20001)).encode()


def test_full_disk(tmp_path):
    image = disks.make(tmp_path / "disk.img", 24)
    put(image, {"/home/fill.lua": lua("""
local f = assert(io.open('/home/big', 'w'))
f:setvbuf('no')
local block, count, why = string.rep('x', 65536), 0, nil
repeat
    local ok
    ok, why = f:write(block)
    count = count + 1
until not ok or count > 1000
print('stopped', why)
f:close()
assert(os.remove('/home/big'))
f = assert(io.open('/home/small', 'w'))
assert(f:write('again'))
assert(f:close())
print('goes on')
""")}, tmp_path)
    with Machine("full-disk", disk=image) as guest:
        output = guest.run("run lua /home/fill.lua")
        assert "No space left" in output and "goes on" in output, output
        assert_healthy(guest)
        assert guest.power_off() == 0
    clean, text = disks.check(image)
    assert clean, text
    assert host_file(image, "/home/small", tmp_path) == b"again"


@pytest.mark.parametrize("contents", ["empty", "noise", "short"])
def test_no_file_system(tmp_path, contents):
    """A disk without one leaves the system without files, and nothing else."""
    image = tmp_path / "disk.img"
    image.write_bytes({"empty": bytes(1 << 20), "noise": random.Random(2).randbytes(1 << 20), "short": bytes(512)}[contents])
    before = image.read_bytes()
    with Machine("no-file-system", disk=image) as guest:
        assert guest.command("run chello-disk")[1] != 0
        guest.wait_for_network()
        assert_healthy(guest)
        guest.power_off()
    assert image.read_bytes() == before


def test_damaged_file_system(tmp_path):
    """Damage anywhere in the metadata: errors, and a system that goes on."""
    source = random.Random(3)
    for number in range(3):
        image = disks.copy(disks.template(), tmp_path / "disk.img")
        with open(image, "r+b") as file:
            for _ in range(200):
                file.seek(source.randrange(4096, 2 << 20))
                file.write(bytes([source.randrange(256)]))
        with Machine(f"damaged-{number}", disk=image) as guest:
            guest.command("run chello-disk")
            guest.wait_for_network()
            assert_healthy(guest)


def test_two_disks(tmp_path):
    second = disks.make(tmp_path / "second.img", 64)
    with Machine("two-disks", disk=True, disks=[f"format=raw,file={second}"]) as guest:
        guest.run("run chello-disk")
        assert_healthy(guest)
        assert guest.power_off() == 0
