"""What every registered variant must hold to, on the MLP kit and the conv kit, in float64 with tiny nets."""

import dataclasses
import inspect
import math

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from zoo import variants
from zoo.errors import ZooError
from zoo.game import Batch, Nets
from zoo.harness import Game, Lanes
from zoo.nets.kits import MLP, Conv
from zoo.recipe import Recipe
from zoo.variant import Kit, Variant, options
from zoo.variants.ns import NonSaturating

RECIPE = Recipe(rounds=3, batch=6, latent=3, width=6, every=3, lr_d=2e-4, lr_g=2e-4)
KITS: dict[str, Kit] = {
    "mlp": MLP((2,), RECIPE.latent, width=6, activation="tanh"),
    "conv": Conv((1, 8, 8), RECIPE.latent, width=4),
}
SEEDS = [3, 0, 7]
ROUNDS = 3

every = pytest.mark.parametrize("name", variants.names())
on_both = pytest.mark.parametrize("kit", KITS)


class Noise:
    """Real data of any shape: uniform in [-1, 1]."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(n, *self.shape, generator=generator) * 2 - 1


def forms(name: str, most: int = 2) -> list[Variant]:
    """The variant as it is by default, and with each of its switches turned; counts (steps, generators, ...) are at ``most``, for speed."""
    cls = variants.load(name)
    few = {
        f: max(most, int(opt.at_least))
        for f, (kind, opt) in options(cls).items()
        if kind is int and getattr(cls(), f) > most
    }
    switches = [field for field, (kind, _) in options(cls).items() if kind is bool]
    return [cls(**few), *(cls(**few, **{field: not getattr(cls(), field)}) for field in switches)]


def game(variant: Variant, kit: Kit, traced: bool = False) -> Game:
    return Game(variant, kit, Noise(kit.shape), RECIPE, dtype=torch.float64, traced=traced)


def trained(g: Game, seeds: list[int], rounds: int = ROUNDS) -> Lanes:
    lanes = g.build(seeds)
    g.advance(lanes, g.stream(seeds), rounds)
    return lanes


@every
@on_both
def test_plays(name: str, kit: str) -> None:
    """Finite; a seed alone (unmapped) is the same seed among others (mapped); samples have the data's shape; all networks move."""
    for variant in forms(name):
        g = game(variant, KITS[kit])
        together, start = trained(g, SEEDS), g.build(SEEDS)
        assert not together.diverged
        alone = trained(g, SEEDS[1:2])
        for joint, single in zip(tree_leaves(together.moving), tree_leaves(alone.moving), strict=True):
            assert torch.isfinite(joint).all()
            torch.testing.assert_close(joint[1:2], single, rtol=1e-9, atol=1e-9)
        for network, weights in together.moving[0].items():
            moved = (weights != start.moving[0][network]).any(1)
            assert moved.all(), f"{network} stands still"
        samples = g.sample(together.sampled, torch.randn(3, 5, RECIPE.latent, dtype=torch.float64))
        assert samples.shape == (3, 5, *KITS[kit].shape)
        assert torch.isfinite(samples).all()


@every
@on_both
def test_a_player_moves_only_what_it_owns(name: str, kit: str) -> None:
    for variant in forms(name):
        g = game(variant, KITS[kit])
        assert sorted({n for p in g.players for n in p.networks}) == sorted(g.networks), "a network that nobody owns"
        lanes = g.build([1])
        params, state, _ = torch.utils._pytree.tree_map(lambda t: t[0], lanes.moving)
        rate = torch.tensor(1e-3, dtype=torch.float64)
        nets = Nets(g.networks, params, state, {p.name: rate for p in g.players}, g.optimisers)
        stream = g.stream([1])
        batch = Batch(*(t[0] for t in stream[0]))
        for player in g.players:
            after, loss = nets.descend(player, batch)
            assert loss.shape == ()
            for network in g.networks:
                assert (after.params[network] is nets.params[network]) == (network not in player.networks)
            for other in g.players:
                assert (after.state[other.name] is nets.state[other.name]) == (other.name != player.name)


@every
@on_both
def test_traced_equals_untraced(name: str, kit: str) -> None:
    plain, traced = (trained(game(forms(name, 1)[0], KITS[kit], traced), SEEDS[:2], 2) for traced in (False, True))
    for a, b in zip(tree_leaves(plain.moving), tree_leaves(traced.moving), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def check_draws_nothing(variant: Variant) -> None:
    first, second = (trained(game(variant, KITS["mlp"]), [5], 1) for _ in range(2))
    for a, b in zip(tree_leaves(first.moving), tree_leaves(second.moving), strict=True):
        assert torch.equal(a, b), "two plays of the same batches differ"


@every
def test_all_randomness_is_the_batch_s(name: str) -> None:
    for variant in forms(name):
        check_draws_nothing(variant)


def test_a_loss_that_draws_is_caught() -> None:
    class Draws(NonSaturating):
        def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
            return super().g_loss(nets, batch._replace(z=batch.z + torch.randn_like(batch.z)))

    with pytest.raises(AssertionError, match="two plays"):
        check_draws_nothing(Draws())


@every
def test_says_where_it_comes_from(name: str) -> None:
    cls = variants.load(name)
    doc = inspect.getdoc(cls) or ""
    assert "Source:" in doc
    assert "arXiv:" in doc
    assert variants.idea(name).endswith("."), "the first line stands in lists: one sentence"
    for field, (_, opt) in options(cls).items():
        assert opt.help, f"{field} has no help"


@every
def test_options_out_of_range_are_refused(name: str) -> None:
    cls = variants.load(name)
    for field, (kind, opt) in options(cls).items():
        if kind is bool:
            bad: list[object] = ["yes", 1]
        else:
            assert max(opt.at_least, opt.above) > -math.inf, f"{field} has no lower bound"
            lowest = opt.above if opt.above > -math.inf else opt.at_least - 1
            bad = [kind(lowest), float("nan"), "many"]
            bad += [kind(opt.at_most + 1)] if opt.at_most < math.inf else []
        for value in bad:
            with pytest.raises(ZooError, match=f"--{field.replace('_', '-')}"):
                cls(**{field: value})


@every
def test_is_a_value(name: str) -> None:
    """Frozen, comparable, and the same players each time: what resuming and sweeping rest on."""
    cls = variants.load(name)
    assert cls() == cls()
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls().anything = 1
    assert [p.name for p in cls().players()] == [p.name for p in cls().players()]
