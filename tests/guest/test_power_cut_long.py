"""Fifty power cuts, each on the disk that the one before left."""

import random

import pytest

from power_cut import cut, prepared


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_power_cuts(tmp_path, machine):
    first = random.SystemRandom().randrange(1 << 20)
    image = prepared(tmp_path)
    for seed in range(first, first + 25):
        after = cut(tmp_path, image, seed, machine)
        image.unlink()
        image = after
