"""The gate on speed: ratios to a plain loop measured in turn with it, never seconds; and what the benchmark counts."""

import pytest

from benchmarks import throughput
from benchmarks.throughput import ring


@pytest.mark.parametrize(
    ("setting", "seeds", "most"),
    [
        (ring("ns", 128, 2), 8, 0.85),
        (ring("ns", 128, 2), 1, 1.35),
        (ring("unrolled", 128, 2, k=5), 8, 0.75),
    ],
    ids=lambda v: v.label if isinstance(v, throughput.Setting) else str(v),
)
def test_a_seed_costs_less_than_in_the_plain_loop(setting: throughput.Setting, seeds: int, most: float) -> None:
    """Margins are about half as much again as what was measured (0.48, 0.90 and 0.42): a regression, not a busy machine, breaks them."""
    (row,) = throughput.rows_of(setting, [seeds], seconds=1.0, turns=7)
    assert row["ratio"] < most


def test_every_setting_can_be_planned_and_is_told_from_the_others() -> None:
    labels = [s.label for s in throughput.SETTINGS]
    assert len(set(labels)) == len(labels)
    assert [s.loop() is not None for s in throughput.SETTINGS].count(True) == len(throughput.WITH_LOOP)
