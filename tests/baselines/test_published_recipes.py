"""Tutorials and published protocols as recipes: each plans with its own variant, data, nets and rates, and trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from baselines import recipes
from zoo.errors import ZooError
from zoo.nets.images import Metz
from zoo.nets.kits import MLP
from zoo.recipe import Recipe, revise
from zoo.runs import session
from zoo.runs.cell import plan
from zoo.runs.kits import KITS

PUBLISHED = {
    # name: (variant, data, rounds, batch, latent, lr_d, lr_g, b1)
    "layernorm-784": ("separate", "mnist", 4 * 60_000, 1, 100, 1e-4, 1e-4, 0.9),
    "layernorm-784-mse": ("lsgan", "mnist", 4 * 60_000, 1, 100, 1e-4, 1e-4, 0.9),
    "keras-dense": ("separate", "mnist", 30_000, 32, 100, 2e-4, 2e-4, 0.5),
    "dropout-1024": ("dropout", "mnist", 100 * 600, 100, 100, 2e-4, 2e-4, 0.9),
    "relu-512": ("ns", "mnist", 60 * 938, 64, 100, 1e-4, 1e-4, 0.9),
    "dcgan-reference": ("ns", "mnist", 25 * 468, 128, 100, 2e-4, 2e-4, 0.5),
    "pacgan-ring": ("pacgan", "ring-pacgan", 400_000, 200, 2, 1e-4, 1e-4, 0.8),
    "pacgan-grid": ("pacgan", "grid", 400_000, 200, 2, 1e-4, 1e-4, 0.8),
    "veegan-stacked-mnist": ("ns", "stacked-mnist", 100_000, 64, 100, 2e-4, 2e-4, 0.5),
    "metz-ring": ("unrolled", "ring-pacgan", 25_000, 512, 256, 1e-4, 1e-3, 0.5),
    "wgan-gp-ring": ("wgan-gp", "ring", 100_000, 256, 2, 1e-4, 1e-4, 0.5),
    "wgan-gp-grid": ("wgan-gp", "grid", 100_000, 256, 2, 1e-4, 1e-4, 0.5),
    "wgan-gp-stacked-mnist": ("wgan-gp", "stacked-mnist", 113_000, 64, 100, 1e-4, 1e-4, 0.5),
    "r3gan-grid": ("r3gan", "grid", 20_000, 256, 64, 2e-4, 2e-4, 0.0),
    "r3gan-stacked-mnist": ("r3gan", "stacked-mnist", 19_531, 512, 64, 2e-4, 2e-4, 0.0),
    "madgan-1d": ("madgan", "gmm1d", 190_000, 128, 64, 1e-4, 1e-4, 0.5),
    "veegan-grid": ("veegan", "grid", 100_000, 500, 254, 1e-3, 1e-3, 0.5),
    "zero-gp-grid": ("zero-gp", "grid", 20_000, 128, 2, 3e-3, 3e-3, 0.5),
    "selfcond-grid": ("self-conditioned", "grid", 100_000, 100, 2, 1e-4, 1e-4, 0.8),
    "lsgan-ring": ("lsgan", "ring-pacgan", 35_000, 512, 256, 1e-4, 1e-3, 0.5),
    "hinge-grid": ("hinge", "grid-wide", 500 * 100_000 // 500, 500, 4, 1e-3, 1e-3, 0.0),
    "sn-stacked-mnist": ("sn", "stacked-mnist", 100_000, 64, 128, 2e-4, 2e-4, 0.5),
    "relativistic-stacked-mnist": ("ragan", "stacked-mnist", 100_000, 32, 128, 2e-4, 2e-4, 0.5),
    "dragan-mnist": ("dragan", "mnist", 200_000, 128, 100, 1e-4, 1e-4, 0.5),
    "r1-stacked-mnist": ("r1", "stacked-mnist", 100_000, 64, 256, 1e-4, 1e-4, 0.0),
    "consensus-ring": ("consensus", "ring-pacgan", 50_000, 512, 16, 1e-4, 1e-4, 0.0),
    "js-reg-ring": ("js-reg", "ring-3d", 100_000, 512, 2, 1e-3, 1e-3, 0.5),
    "ebgan-mnist": ("ebgan", "mnist", 46_900, 128, 100, 1e-3, 1e-3, 0.5),
    "gdpp-ring": ("gdpp", "ring-pacgan", 25_000, 512, 256, 1e-4, 1e-3, 0.5),
    "gdpp-grid": ("gdpp", "grid", 25_000, 512, 256, 1e-4, 1e-3, 0.5),
    "msgan-stacked-mnist": ("msgan", "stacked-mnist", 200 * (50_000 // 32), 2 * 32, 100, 2e-4, 2e-4, 0.5),
    "lookahead-mnist": ("lookahead", "mnist", 100_000, 50, 128, 1e-3, 1e-3, 0.05),
    "mgan-ring": ("mgan", "ring-d2gan", 25_000, 512, 256, 2e-4, 2e-4, 0.5),
    "d2gan-ring": ("d2gan", "ring-d2gan", 25_000, 512, 256, 2e-4, 2e-4, 0.5),
    "bigan-mnist": ("bigan", "mnist", 400 * (50_000 // 128), 128, 50, 2e-4, 2e-4, 0.5),
    "ali-grid": ("bigan", "grid", 200_000, 100, 2, 1e-4, 1e-4, 0.8),
    "presgan-stacked-mnist": ("presgan", "stacked-mnist", 1000 * (60_000 // 64), 64, 100, 2e-4, 2e-4, 0.5),
    "ogda-stacked-mnist": ("ogda", "stacked-mnist", 100 * (60_000 // 64), 64, 100, 1e-4, 1e-4, 0.5),
    "extragradient-stacked-mnist": ("extragradient", "stacked-mnist", 500_000, 64, 128, 5e-4, 5e-5, 0.5),
    "wgan-stacked-mnist": ("wgan", "stacked-mnist", 100_000, 64, 100, 5e-5, 5e-5, 0.5),
    "wgan-gp-mnist": ("wgan-gp", "mnist", 200_000, 50, 128, 1e-4, 1e-4, 0.5),
    "flow-matching-grid": ("flow-matching", "grid", 20_000, 4096, 2, 1e-3, 1e-3, 0.9),
    "vae-mnist": ("vae", "mnist", 10 * 469, 128, 20, 1e-3, 1e-3, 0.9),
}
AVERAGED = {
    "r3gan-stacked-mnist": 0.5 ** (512 / 500_000),
    "r1-stacked-mnist": 0.999,
    "extragradient-stacked-mnist": 0.999,
}
OPTIONS = {
    "wgan-gp-ring": {"n_critic": 5, "lam": round(0.1 * 1.414, 4)},
    "wgan-gp-grid": {"n_critic": 5, "lam": round(0.1 * 2.828, 3)},
    "wgan-gp-stacked-mnist": {"n_critic": 5, "lam": 10.0},
    "r3gan-grid": {"gamma": 1.0, "burn_in": 0},
    "r3gan-stacked-mnist": {"gamma": 1.0, "gamma_end": 0.1, "burn_in": 2_000_000 // 512},
    "zero-gp-grid": {"lam": 0.8},
    "madgan-1d": {"n": 4},
    "pacgan-ring": {"pack": 2},
    "pacgan-grid": {"pack": 2},
    "metz-ring": {"k": 5, "metz": True},
    "selfcond-grid": {"k": 50},
    "veegan-grid": {"recon": 0.5, "sigma": 1.0},
    "dragan-mnist": {"lam": 10.0},
    "r1-stacked-mnist": {"gamma": 2 * 10.0},
    "consensus-ring": {"gamma": 10.0},
    "js-reg-ring": {"gamma": 0.1, "steps": 0},
    "ebgan-mnist": {"margin": 10.0, "pt": 0.1, "code": 1024},
    "gdpp-ring": {"magnitude": 1e-4},
    "gdpp-grid": {"magnitude": 1e-4},
    "msgan-stacked-mnist": {"lam": 0.5},
    "lookahead-mnist": {"k": 1000, "alpha": 0.5},
    "mgan-ring": {"n": 8, "beta": 0.125},
    "d2gan-ring": {"alpha": 1.0, "beta": 1.0},
    "presgan-stacked-mnist": {"lam": 0.01},
    "wgan-stacked-mnist": {"n_critic": 5, "clip": 0.01},
    "wgan-gp-mnist": {"n_critic": 5, "lam": 10.0 * 2},
    "flow-matching-grid": {"steps": 20},
}
SMALL_DATA = {"mnist": "digits", "stacked-mnist": "stacked-digits"}


def test_every_tutorial_and_protocol_is_listed_here() -> None:
    found = {p.stem for folder in ("tutorials", "published") for p in (recipes.FOLDER / folder).glob("*.toml")}
    assert found == {*PUBLISHED, "metz-stacked-mnist"}
    assert set(PUBLISHED) <= set(recipes.names())


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_the_published_ones(name: str) -> None:
    variant, data, *numbers = PUBLISHED[name]
    file = recipes.load(name)
    assert (file.variant, file.data) == (variant, data)
    cell = plan(None, data=SMALL_DATA.get(data), recipe=name)  # on a small set of the same kind
    assert OPTIONS.get(name, {}).items() <= cell.options.items()
    r = cell.recipe
    assert [r.rounds, r.batch, r.latent, r.lr_d, r.lr_g, r.b1] == numbers
    assert r.decay == (0.5 if name == "bigan-mnist" else 0)
    assert r.ema == pytest.approx(AVERAGED.get(name, 0), abs=1e-5)
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
    verdicts = [value for name, value in row.items() if name.startswith("diagnostic/")]
    assert verdicts or PUBLISHED[name][0] not in ("ns", "lsgan", "separate", "dropout", "unrolled", "dragan", "r1")
    assert all(0 <= v <= 1 for v in verdicts)
    assert np.isfinite(run.training.sample(4)).all()


def test_ebgan_s_d_is_an_encoder_of_two_layers_and_a_decoder_as_deep_as_g() -> None:
    """As its recipe says, where the paper's D has one layer each."""
    cell = plan(None, data="digits", recipe="ebgan-mnist")
    r = cell.recipe
    nets = cell.build().nets(MLP((1, 8, 8), r.latent, width=r.width, depth=r.depth, depth_d=r.depth_d, norm=r.norm))
    encoder, decoder = (
        [(m.in_features, m.out_features) for m in half.modules() if isinstance(m, nn.Linear)]
        for half in nets["D"].children()
    )
    generator = [(m.in_features, m.out_features) for m in nets["G"].modules() if isinstance(m, nn.Linear)]
    assert encoder == [(64, 800), (800, 1024)]
    assert decoder == [(1024, 800), *generator[1:]]
    assert len(decoder) == 5


def test_veegan_s_protocol_gives_g_two_turns() -> None:
    cell = plan(None, data="stacked-digits", recipe="veegan-stacked-mnist")
    assert (cell.recipe.g_steps, cell.recipe.uniform_latent, cell.protocol.samples) == (2, True, 26_000)
    assert plan("pacgan", data="stacked-digits", recipe="veegan-stacked-mnist").recipe.batch == 128
    veegan = plan("veegan", data="stacked-digits", recipe="veegan-stacked-mnist").recipe
    assert (veegan.g_steps, veegan.uniform_latent, veegan.batch) == (1, False, 64)
    with pytest.raises(ZooError, match="moves all its players at once"):
        plan("unrolled", {"metz": True}, changes={"g_steps": 2})


def test_metz_s_stacked_mnist_has_a_d_a_quarter_of_g() -> None:
    """Its nets are for 28x28 alone, so no small data stand in."""
    file = recipes.load("metz-stacked-mnist")
    r = revise(Recipe(), file.recipe)
    assert (file.variant, file.data, file.protocol) == ("unrolled", "stacked-mnist-fly", "stacked-mnist")
    assert file.variants["unrolled"] == {"k": 5}
    assert [r.rounds, r.batch, r.latent, r.lr_d, r.lr_g, r.b1, r.b2] == [500_000, 128, 256, 2e-4, 1e-4, 0.5, 0.99]
    quarter, half = (Metz((3, 28, 28), r.latent, width).discriminator() for width in (r.width, 2 * r.width))
    assert [m.out_channels for m in quarter.modules() if isinstance(m, nn.Conv2d)] == [2, 4, 8]
    assert [m.out_channels for m in half.modules() if isinstance(m, nn.Conv2d)] == [4, 8, 16]
