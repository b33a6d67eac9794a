"""Mode-coverage checks: real trainings over eight seeds, a bar on the interval over seeds, and negative controls.

They use the assertion that the pytest plugin gives to anybody (``zoo.evaluation.checks.mode_coverage``). The stress setting
(`baselines/recipes/stress.toml`: D ten times slower than G) is where plain GANs collapse and a remedy is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

import toy_data
from zoo.evaluation.checks import Coverage, measure
from zoo.harness import Game
from zoo.runs.cell import plan
from zoo.runs.kits import kit_for
from zoo.training import Training

pytestmark = pytest.mark.training
SEEDS = 8
Check = Callable[..., Coverage]


@cache
def samples(variant: str, recipe: str, rounds: int, **options: float) -> np.ndarray:
    """``[8, 2500, 2]``: what each of eight seeds generates after training."""
    cell = plan(variant, dict(options), recipe=recipe, seeds=SEEDS, changes={"rounds": rounds})
    data = toy_data.load(cell.data)
    game = Game(cell.build(), kit_for(data, cell.recipe), data, cell.recipe)
    *_, last = Training(game, cell.seeds, lambda x: {}, n_samples=cell.protocol.samples)
    return last.samples


@pytest.mark.parametrize("variant", ["vanilla", "ns"])
def test_plain_gans_collapse_in_the_stress_setting(variant: str, mode_coverage: Check) -> None:
    drawn = samples(variant, "stress", 2000)
    found = measure(drawn, "ring")
    assert found.interval[1] <= 2 / 8, found
    assert sum(modes <= 4 for modes in found.modes) >= 6, found
    with pytest.raises(AssertionError, match="missing modes"):
        mode_coverage(drawn, "ring", at_least=4 / 8)


def test_unrolling_five_steps_cures_it(mode_coverage: Check) -> None:
    """At the recipe's end all eight recorded seeds cover all modes; on the way a seed loses some for a while."""
    mode_coverage(samples("unrolled", "stress", 3000, k=5), "ring", at_least=7 / 8)


@pytest.mark.parametrize("variant", ["vanilla", "ns"])
def test_well_tuned_plain_gans_do_cover_the_ring(variant: str, mode_coverage: Check) -> None:
    """The interest is in when a remedy is needed, not in making the baseline look bad."""
    mode_coverage(samples(variant, "ring", 3000), "ring", at_least=6.5 / 8)


def test_the_check_fails_a_collapsed_sampler_and_passes_a_perfect_one(mode_coverage: Check) -> None:
    points, mode = toy_data.load("ring").sample_labelled(SEEDS * 2500)
    mode_coverage(points.view(SEEDS, 2500, 2), "ring", at_least=1)
    one_mode = points[mode == 3][:1000].expand(SEEDS, 1000, 2)
    assert measure(one_mode, "ring").interval == pytest.approx((1 / 8, 1 / 8))
    with pytest.raises(AssertionError):
        mode_coverage(one_mode, "ring", at_least=2 / 8)
