"""The gate on speed: ratios to a plain loop measured in turn with it, never seconds; and what the benchmark counts."""

import pytest
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import throughput
from benchmarks.throughput import ring
from zoo import counting


@pytest.mark.parametrize(
    ("setting", "seeds", "most"),
    [
        (ring("ns", 128, 2), 8, 0.75),
        (ring("ns", 128, 2), 1, 1.35),
        (ring("unrolled", 128, 2, k=5), 8, 0.6),
    ],
    ids=lambda v: v.label if isinstance(v, throughput.Setting) else str(v),
)
def test_a_seed_costs_less_than_in_the_plain_loop(setting: throughput.Setting, seeds: int, most: float) -> None:
    """Margins are about half as much again as what was measured (0.44, 0.92 and 0.30) or more: a regression, not a busy machine, breaks them."""
    (row,) = throughput.rows_of(setting, [seeds], seconds=1.0, turns=7)
    assert row["ratio"] < most


def test_every_setting_can_be_planned_and_is_told_from_the_others() -> None:
    labels = [s.label for s in throughput.SETTINGS]
    assert len(set(labels)) == len(labels)
    assert all(setting.loop() for setting in throughput.RING)


@pytest.mark.parametrize("setting", [ring("ns", 512, 256), ring("unrolled", 128, 2, k=2)], ids=lambda s: s.label)
def test_the_plain_loop_does_the_same_work(setting: throughput.Setting) -> None:
    """Counted in operations of matrix products: neither side may have the smaller nets."""
    loop = setting.loop()
    assert loop is not None
    loop()  # the first call makes Adam's state
    with FlopCounterMode(display=False) as plain:
        loop()
    ours = counting.flops(throughput.Lap(setting, 4).traced) / 4
    assert ours == pytest.approx(plain.get_total_flops(), rel=0.1)
