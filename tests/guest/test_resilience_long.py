"""Transfers of 512 MiB while the NIC driver, then inet, is killed every 1000 ms and every 100 ms of the guest's clock."""

import pytest

from antlib import bench_guest

SIZE = 512  # MiB
LIMIT = 7200  # s; it takes about ten minutes


@pytest.fixture(scope="module", name="figures")
def measured_figures():
    result = bench_guest.measure("resilience", LIMIT, [1, SIZE], card_count=2)
    return {figure.id: figure.value for figure in result.figures}


@pytest.mark.parametrize("interval", ["1000ms", "100ms"])
@pytest.mark.parametrize("direction", ["send", "recv"])
@pytest.mark.parametrize("server", ["rtl8139", "inet"])
def test_the_one_connection_lives_on(figures, server, direction, interval):
    name = f"resilience.{server}.{direction}.{interval}"
    assert figures[f"{name}.connections_lost"] == 0
    assert figures[f"{name}.sha_ok"] == 1
    assert figures[f"{name}.kills"] >= 4
    assert figures[f"{name}.stall_p99_ns"] <= 10_000_000
    assert figures[f"{name}.loss_percent"] <= (5 if interval == "1000ms" else 25)
