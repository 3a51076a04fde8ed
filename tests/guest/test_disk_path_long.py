"""512 MiB read and SQLite at work while each server of the disk path, then any of them, is killed and replaced every 1 s and every
100 ms."""

import pytest

from disk_path import disturbed, image_with_file

SERVERS = ("disk", "cache", "file")
MIB = 512


@pytest.fixture(scope="module", name="disk")
def made_disk(tmp_path_factory):
    return image_with_file(tmp_path_factory.mktemp("disk-path") / "disk.img", MIB)


@pytest.mark.parametrize("machine", ["pc", "q35"])
@pytest.mark.parametrize("interval_ms", [1000, 100])
@pytest.mark.parametrize("way, servers", [*((way, (server,)) for way in ("kill", "replace") for server in SERVERS), ("mixed", SERVERS)],
                         ids=lambda value: value if isinstance(value, str) else "-".join(value))
def test_disturbed(disk, machine, way, servers, interval_ms):
    image, crc = disk
    disturbed(f"{machine}-{way}-{'-'.join(servers)}-{interval_ms}", image, crc, MIB, way, interval_ms, servers, machine)
