"""Disk driver, cache and file server killed and replaced while a file is read and SQLite commits; test_disk_path_long.py does it longer."""

import pytest

from disk_path import disturbed, image_with_file

SERVERS = ("disk", "cache", "file")
MIB = 24


@pytest.fixture(scope="module", name="disk")
def made_disk(tmp_path_factory):
    return image_with_file(tmp_path_factory.mktemp("disk-path") / "disk.img", MIB)


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_at_random(disk, machine):
    image, crc = disk
    disturbed(f"short-{machine}", image, crc, MIB, "mixed", 20, SERVERS, machine)
