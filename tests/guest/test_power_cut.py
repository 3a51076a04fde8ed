"""Power cuts, a few; test_power_cut_long.py has more."""

import pytest

from power_cut import cut, prepared


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_power_cuts(tmp_path, machine):
    image = prepared(tmp_path)
    for seed in (1, 2):
        image = cut(tmp_path, image, seed, machine)
