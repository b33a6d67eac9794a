"""What only a GPU can show; where there is none these are skipped, and ``tests/engines/test_graphs.py`` plays the same on a stand-in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import toy_data
from tests.test_harness import RECIPE, leaves
from zoo.ambient import multiplying
from zoo.engines import compiling
from zoo.engines.graphs import Graphed, Replayed
from zoo.engines.tracing import Engine, Mapped, Traced
from zoo.harness import Game
from zoo.nets.images import DCGAN
from zoo.nets.kits import MLP
from zoo.randomness import Stream
from zoo.runs import session
from zoo.runs.cell import plan
from zoo.training import Training
from zoo.variant import Variant
from zoo.variants.minibatch import Minibatch
from zoo.variants.ns import NonSaturating
from zoo.variants.unrolled import Unrolled
from zoo.variants.wgan_gp import WGANGP

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

ENGINES = [Traced(), Graphed(), Graphed(compiling.Joined())]


def on_gpu(engine: Engine, variant: Variant | None = None) -> Game:
    """In float64: what differs is rounding alone."""
    data, recipe = toy_data.load("ring").to("cuda"), replace(RECIPE, width=32, batch=16)
    kit = MLP((2,), recipe.latent, recipe.width, activation="tanh")
    made = variant or NonSaturating()
    return Game(made, kit, data, recipe, device="cuda", dtype=torch.float64, engine=engine)


VARIANTS = [NonSaturating(), Unrolled(k=1), Minibatch(), WGANGP(n_critic=1)]
"""Compiling takes ten seconds and more, so the first alone is compiled."""
PAIRS = [(v, e) for v in VARIANTS for e in ENGINES if v is VARIANTS[0] or e is not ENGINES[2]]


@pytest.mark.parametrize(("variant", "engine"), PAIRS, ids=lambda each: type(each).__name__)
def test_a_round_is_the_python(variant: Variant, engine: Engine) -> None:
    made, python = on_gpu(engine, variant), on_gpu(Mapped(), variant)
    ours, theirs = made.build(range(3)), python.build(range(3))
    for until in (1, 2, 4):
        made.advance(ours, made.stream(range(3)), until)
    python.advance(theirs, python.stream(range(3)), 4)
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


class Pictures:
    """Noise between -1 and 1."""

    shape = (1, 28, 28)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        assert generator is not None
        return torch.rand(n, *self.shape, generator=generator, device=generator.device) * 2 - 1


@pytest.mark.parametrize("variant", [NonSaturating(), WGANGP(n_critic=1)], ids=lambda v: type(v).__name__)
def test_convolutions_by_columns_are_convolutions(variant: Variant) -> None:
    """Against PyTorch's own, in float64."""
    data, recipe = Pictures(), replace(RECIPE, width=4, batch=6, latent=8)
    made = [
        Game(variant, DCGAN(data.shape, 8, 4), data, recipe, device="cuda", dtype=torch.float64, engine=engine)
        for engine in (Graphed(), Mapped())
    ]
    lanes = [g.build(range(2)) for g in made]
    for g, group in zip(made, lanes, strict=True):
        g.advance(group, g.stream(range(2)), 2)
    for a, b in zip(*map(leaves, lanes), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("many", [1, 3])
def test_batches_drawn_ahead_are_the_ones_drawn_in_turn(many: int) -> None:
    """Over the edges of blocks, while what is drawn is in use."""
    data = toy_data.load("ring").to("cuda")
    ahead, alone = (Stream(data, range(many), 4096, 256, device="cuda") for _ in range(2))
    alone._ahead = None
    steps, seen = 5 * ahead.per_block, []
    for t in range(steps):
        batch = ahead[t]
        seen.append(torch.stack([part.sum() for part in batch]))
    for t in range(steps):
        expected = torch.stack([part.sum() for part in alone[t]])
        torch.testing.assert_close(seen[t], expected, rtol=1e-5, atol=1e-3)
    for t in (3, 2 * ahead.per_block, 0):  # out of turn
        assert all(torch.equal(a, b) for a, b in zip(ahead[t], alone[t], strict=True))


def test_groups_do_not_share_their_state() -> None:
    whole, parts = (Training(on_gpu(Graphed()), range(4), lambda x: {}, n_samples=16, groups=n) for n in (1, 2))
    list(whole), list(parts)
    for a, b in zip(leaves(whole.lanes()), leaves(parts.lanes()), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


def test_a_run_says_how_it_was_made_and_goes_on_the_same(tmp_path: Path) -> None:
    cell = plan("ns", changes={"rounds": 200, "every": 50, "batch": 64, "width": 32}, seeds="0-3")
    whole = session.start(cell, out=tmp_path / "whole", device="cuda", compile=False)
    whole.train()
    halves = session.start(cell, out=tmp_path / "halves", device="cuda", compile=False)
    halves.training.stop = lambda: halves.training.played >= 90
    with pytest.raises(session.Interrupted):
        halves.train()
    session.resume(tmp_path / "halves", device="cuda").train()
    one, two = ((tmp_path / name / "metrics.csv").read_text() for name in ("whole", "halves"))
    assert one == two
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    assert (config["compiled"], config["tf32"]) == (False, False)


def test_a_variant_that_asks_for_values_still_runs(tmp_path: Path) -> None:
    cell = plan("gdpp", changes={"rounds": 20, "every": 10, "batch": 32, "width": 32}, seeds="0-1")
    summary = session.start(cell, out=tmp_path / "run", device="cuda").train()
    assert summary["diverged"] == []
    torch.rand(3, device="cuda")  # a recording that failed leaves PyTorch's own generator as it was


def test_tf32_is_what_was_asked_for() -> None:
    """Of a recorded product, whatever the process has."""
    a, b = torch.randn(2, 256, 256, device="cuda")
    exact, apart = a.double() @ b.double(), {}
    for tf32 in (True, False):
        product, state = Replayed(lambda inputs: [inputs[1] @ inputs[2]], 1, tf32), torch.zeros(256, 256, device="cuda")
        with multiplying(tf32=not tf32):
            (found,) = product([state, a, b])
        apart[tf32] = float((found.double() - exact).norm() / exact.norm())
    assert apart[True] > 1e-4
    assert apart[False] < 1e-5
