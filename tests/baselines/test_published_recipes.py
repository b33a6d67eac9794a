"""Tutorials and published protocols as recipes: each plans with its own variant, data, nets and rates, and trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baselines import recipes
from zoo import session
from zoo.cell import KITS, plan
from zoo.errors import ZooError

PUBLISHED = {
    # name: (variant, data, rounds, batch, latent, lr_d, lr_g, b1)
    "layernorm-784": ("separate", "mnist", 4 * 60_000, 1, 100, 1e-4, 1e-4, 0.9),
    "layernorm-784-mse": ("lsgan", "mnist", 4 * 60_000, 1, 100, 1e-4, 1e-4, 0.9),
    "keras-dense": ("separate", "mnist", 30_000, 32, 100, 2e-4, 2e-4, 0.5),
    "dropout-1024": ("dropout", "mnist", 100 * 600, 100, 100, 2e-4, 2e-4, 0.9),
    "relu-512": ("ns", "mnist", 60 * 938, 64, 100, 1e-4, 1e-4, 0.9),
    "pacgan-ring": ("pacgan", "ring-pacgan", 400_000, 200, 2, 1e-4, 1e-4, 0.8),
    "pacgan-grid": ("pacgan", "grid", 400_000, 200, 2, 1e-4, 1e-4, 0.8),
    "veegan-stacked-mnist": ("ns", "stacked-mnist", 100_000, 64, 100, 2e-4, 2e-4, 0.5),
    "metz-ring": ("unrolled", "ring-pacgan", 25_000, 512, 256, 1e-4, 1e-3, 0.5),
}
SMALL_DATA = {"mnist": "digits", "stacked-mnist": "stacked-digits"}


def test_every_tutorial_and_protocol_is_listed_here() -> None:
    found = {p.stem for folder in ("tutorials", "published") for p in (recipes.FOLDER / folder).glob("*.toml")}
    assert found == set(PUBLISHED)
    assert set(PUBLISHED) <= set(recipes.names())


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_the_published_ones(name: str) -> None:
    variant, data, *numbers = PUBLISHED[name]
    file = recipes.load(name)
    assert (file.variant, file.data) == (variant, data)
    r = plan(None, data=SMALL_DATA.get(data), recipe=name).recipe  # on a small set of the same kind
    assert [r.rounds, r.batch, r.latent, r.lr_d, r.lr_g, r.b1] == numbers
    assert r.decay == r.ema == 0
    assert r.kit in KITS


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_trains(name: str, tmp_path: Path) -> None:
    """Three rounds of one seed on small data of the same kind: finite, and D's verdicts are shares."""
    data = SMALL_DATA.get(PUBLISHED[name][1])
    batch = min(PUBLISHED[name][3], 16)
    cell = plan(None, data=data, recipe=name, seeds=1, changes={"rounds": 3, "every": 3, "batch": batch})
    cell = replace(cell, protocol=replace(cell.protocol, samples=100))
    run = session.start(cell, out=tmp_path / "run", device="cpu")
    summary = run.train()
    assert summary["diverged"] == []
    (row,) = run.rows
    verdicts = [row[f"diagnostic/{side}_{what}"] for side in ("real", "fake") for what in ("accuracy", "output")]
    assert all(0 <= v <= 1 for v in verdicts)
    assert np.isfinite(run.training.sample(4)).all()


def test_veegan_s_protocol_gives_g_two_turns() -> None:
    cell = plan(None, data="stacked-digits", recipe="veegan-stacked-mnist")
    assert (cell.recipe.g_steps, cell.recipe.uniform_latent, cell.protocol.samples) == (2, True, 26_000)
    assert plan("pacgan", data="stacked-digits", recipe="veegan-stacked-mnist").recipe.batch == 128
    with pytest.raises(ZooError, match="moves all its players at once"):
        plan("unrolled", {"metz": True}, changes={"g_steps": 2})
