"""Mode-coverage checks: real trainings over eight seeds, a bar on the interval over seeds, and negative controls.

The stress setting (`baselines/recipes/stress.toml`: D ten times slower than G) is where plain GANs collapse and a remedy is needed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import toy_data
from zoo.cell import kit_for, plan
from zoo.harness import Game, Training
from zoo.metrics.modes import PROTOCOLS, coverage
from zoo.statistics import bootstrap

pytestmark = pytest.mark.training
SEEDS = 8


@cache
def modes(variant: str, recipe: str, rounds: int, **options: float) -> np.ndarray:
    """Modes covered by each of eight seeds after training."""
    cell = plan(variant, dict(options), recipe=recipe, seeds=SEEDS, changes={"rounds": rounds})
    data = toy_data.load(cell.data)
    game = Game(cell.build(), kit_for(data, cell.recipe), data, cell.recipe)
    *_, last = Training(game, cell.seeds, lambda x: coverage(x, data, cell.protocol), n_samples=cell.protocol.samples)
    return last.metrics["modes"]


def covers(per_seed: np.ndarray, bar: float) -> bool:
    """The check: the 95 % interval of the mean over seeds lies above the bar."""
    return bootstrap(per_seed)[0] >= bar


def collapsed(per_seed: np.ndarray, bar: float) -> bool:
    """The 95 % interval of the mean over seeds lies below the bar."""
    return bootstrap(per_seed)[1] <= bar


@pytest.mark.parametrize("variant", ["vanilla", "ns"])
def test_plain_gans_collapse_in_the_stress_setting(variant: str) -> None:
    per_seed = modes(variant, "stress", 2000)
    assert collapsed(per_seed, 2), per_seed
    assert (per_seed <= 4).sum() >= 6, per_seed
    assert not covers(per_seed, 4)


def test_unrolling_five_steps_cures_it() -> None:
    assert covers(modes("unrolled", "stress", 2000, k=5), 7)


@pytest.mark.parametrize("variant", ["vanilla", "ns"])
def test_well_tuned_plain_gans_do_cover_the_ring(variant: str) -> None:
    """The interest is in when a remedy is needed, not in making the baseline look bad."""
    assert covers(modes(variant, "ring", 3000), 6.5)


def test_the_check_fails_a_collapsed_sampler_and_passes_a_perfect_one() -> None:
    data = toy_data.load("ring")
    draw = data.sample_labelled(SEEDS * 2500)
    perfect = draw[0].view(SEEDS, 2500, 2)
    one_mode = draw[0][draw[1] == 3][:1000].expand(SEEDS, 1000, 2)
    score = lambda x: coverage(x, data, PROTOCOLS["pacgan"])["modes"].numpy()  # noqa: E731
    assert covers(score(perfect), 8)
    assert not covers(score(one_mode), 2)
    assert collapsed(score(one_mode), 1)
