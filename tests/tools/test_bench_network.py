"""What `bench send` derives from its figures."""

from antlib import bench_network
from antlib.bench_output import SPREAD, Figure


def test_the_spread_of_the_doorbell_is_of_the_four_sizes_of_the_paper():
    means = {256: 1000, 512: 1010, 768: 1040, 1024: 1060, 1460: 2000}
    figures = [Figure(f"send.{size}.{kind}", value, "instructions", 1, dict.fromkeys(SPREAD, value), {})
               for size, mean in means.items() for kind, value in (("doorbell_mean", mean), ("total", 9000))]
    spread = bench_network.doorbell_spread(figures)
    assert (spread.id, spread.value, spread.unit) == ("send.doorbell_mean.spread", 6.0, "percent")
