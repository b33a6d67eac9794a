"""The rules of the contract that need playing: a variant on small nets, first plainly, then mapped over seeds, then traced, then stopped and
resumed. Each rests on the one before it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten_with_path, tree_leaves, tree_map

from zoo import checkpoint
from zoo.diagnostics import diagnose
from zoo.engines.tracing import Engine, Mapped, Traced
from zoo.errors import ZooError
from zoo.extending import blame
from zoo.extending.blame import Broken
from zoo.game import Batch, Nets, Player, turns
from zoo.harness import Game
from zoo.lanes import Lanes
from zoo.nets.kits import MLP, Conv
from zoo.recipe import Recipe
from zoo.variant import Kit, Variant

ROUNDS, LONG = 3, 20
SEEDS = [3, 0, 7]
RECIPE = Recipe(rounds=LONG, batch=6, latent=3, width=6, every=LONG, lr_d=2e-4, lr_g=2e-4)
KITS: dict[str, Kit] = {
    "mlp": MLP((2,), RECIPE.latent, width=6, activation="tanh"),
    "conv": Conv((1, 8, 8), RECIPE.latent, width=4),
}
CLOSE = 1e-9
MAPPED = Mapped()


class Noise:
    """Real data of any shape: uniform in [-1, 1]."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(n, *self.shape, generator=generator) * 2 - 1


class NoDraws(TorchDispatchMode):
    """Refuses what draws random numbers, at the very line, before what was drawn gives an error of its own."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise ZooError(f"{blame.DRAWS_ITSELF[0].upper()}{blame.DRAWS_ITSELF[1:]}.")
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Case:
    """One form of a variant on one kit."""

    variant: Variant
    kit: str

    @property
    def name(self) -> str:
        """For sentences: the kit, and the options that are not the defaults."""
        default = type(self.variant)()
        told = {k: v for k, v in dataclasses.asdict(self.variant).items() if v != getattr(default, k)}
        return f"On the {self.kit} kit{''.join(f', {k}={v}' for k, v in told.items())}"

    def game(self, by: Engine = MAPPED) -> Game:
        kit = KITS[self.kit]
        return Game(self.variant, kit, Noise(kit.shape), RECIPE, dtype=torch.float64, engine=by)

    @cached_property
    def traced(self) -> Game:
        """The game whose rounds are traced, once for all that is played on it."""
        return self.game(Traced())

    @cached_property
    def alone(self) -> Lanes:
        """The second seed after a few rounds, unmapped."""
        return self.played(SEEDS[1:2])

    @cached_property
    def together(self) -> Lanes:
        """All seeds after a few rounds, mapped."""
        return self.played(SEEDS)

    def played(self, seeds: list[int], rounds: int = ROUNDS) -> Lanes:
        """Untraced; mapped over seeds when there are several."""
        game = self.game()
        lanes = game.build(seeds)
        game.advance(lanes, game.stream(seeds), rounds)
        return lanes

    def loss(self, network: str) -> Callable[..., Any]:
        """The loss of the first player that owns this network."""
        return next(p.loss for p in self.variant.players() if network in p.networks)


def builds(it: Case) -> None:
    """Networks, players and sizes fit together."""
    game = it.game()
    owned = {n for p in game.players for n in p.networks}
    if not game.players:
        raise Broken("players() is empty: nobody moves.", "players")
    for name in sorted(owned - set(game.networks)):
        raise Broken(f"A player owns '{name}', but nets() makes only {', '.join(game.networks)}.", "players")
    for name in sorted(set(game.networks) - owned):
        raise Broken(
            f"Nobody owns the network '{name}': name it in a player's owns, or leave it out of nets().", "nets"
        )
    names = [p.name for p in game.players]
    if len(set(names)) < len(names):
        raise Broken(f"Two players share a name ({', '.join(names)}).", "players")
    if not turns(game.players, it.variant.simultaneous):
        raise Broken("A round has no turns: each player's steps must be at least 1.", "players")
    for player in game.players if it.variant.simultaneous else ():
        if player.steps > 1:
            told = f"All players move at once (simultaneous), so {player.name} moves once a round, not {player.steps} times"
            raise Broken(f"{told}: leave its steps at 1, or do not override simultaneous.", "players")


def a_player_moves_only_what_it_owns(it: Case) -> None:
    """One turn of each player, unmapped: its loss is one number, and nothing changes but its own networks and its optimiser's state."""
    game = it.game()
    params, state, _ = tree_map(lambda t: t[0], game.build([1]).moving)
    rates = {p.name: torch.tensor(1e-3, dtype=torch.float64) for p in game.players}
    nets = Nets(game.networks, params, state, rates, game.optimisers)
    batch = Batch(*(t[0] for t in game.stream([1])[0]))
    for player in game.players:
        before = tree_map(Tensor.clone, (params, state, tuple(batch)))
        with NoDraws():
            loss = player.loss(dataclasses.replace(nets, memo={}), batch)
        _is_one_number(it, player, loss)
        _unwritten(it, player, before, (params, state, tuple(batch)))
        after, _ = dataclasses.replace(nets, memo={}).descend(player, batch)
        _unwritten(it, player, before, (params, state, tuple(batch)))
        for network in set(game.networks) - set(player.networks):
            if not torch.equal(after.params[network], before[0][network]):
                raise Broken(
                    f"{it.name}, player {player.name}'s turn moves {network}, which it does not own.", player.loss
                )


def _is_one_number(it: Case, player: Player, loss: Any) -> None:
    if not isinstance(loss, Tensor):
        raise Broken(
            f"{it.name}, the loss of player {player.name} is {type(loss).__name__}, not a tensor.", player.loss
        )
    if loss.shape != ():
        sizes = "x".join(map(str, loss.shape))
        raise Broken(
            f"{it.name}, the loss of player {player.name} is {sizes} numbers, not one: end with .mean().", player.loss
        )
    if not torch.isfinite(loss):
        raise Broken(
            f"{it.name}, the loss of player {player.name} is {loss.item()} before anything moved.", player.loss
        )


def _unwritten(it: Case, player: Player, before: Any, after: Any) -> None:
    """A turn is pure: it writes into no tensor that it was given."""
    for (path, old), new in zip(tree_flatten_with_path(before)[0], tree_leaves(after), strict=True):
        if not torch.equal(old, new):
            part, *names = (getattr(key, "key", getattr(key, "idx", "")) for key in path)
            place = ["the weights of ", "the optimiser's state of ", "the batch's "][int(part)]
            what = place + ("xzu"[int(names[0])] if part == 2 else "/".join(map(str, names)))
            raise Broken(
                f"{it.name}, player {player.name}'s turn writes into {what}: a loss changes nothing (no in-place operations).",
                player.loss,
            )


def plays_one_seed(it: Case) -> None:
    """A few rounds of one seed: finite, the same when played again, every network moves, samples have the data's shape."""
    first, again = it.alone, it.played(SEEDS[1:2])
    start = it.game().build(SEEDS[1:2])
    _all_finite(it, first, ROUNDS)
    for a, b in zip(tree_leaves(first.moving), tree_leaves(again.moving), strict=True):
        if not torch.equal(a, b):
            raise Broken(
                f"{it.name}, two plays of the same batches differ: a loss draws random numbers (take them from batch.u) "
                "or keeps something between calls.",
                blame.drawing(type(it.variant)),
            )
    for network, weights in first.moving[0].items():
        if torch.equal(weights, start.moving[0][network]):
            raise Broken(
                f"{it.name}, {network} stands still: no gradient of its player's loss reaches it.", it.loss(network)
            )


def is_diagnosed(it: Case) -> None:
    """What is told of its players at an evaluation is a finite number for each seed."""
    game = it.game()
    for name, values in diagnose(game, game.build(SEEDS), game.stream(SEEDS)).items():
        if values.shape != (len(SEEDS),) or not values.isfinite().all():
            raise Broken(
                f"{it.name}, the diagnostic {name} is {values.tolist()}, not a finite number for each seed.",
                "diagnostics",
            )


def samples_have_the_data_s_shape(it: Case) -> None:
    """For one seed and for several; ``origin`` names a generator for each."""
    game, shape = it.game(), KITS[it.kit].shape
    params = game.build(SEEDS).sampled
    latent = it.variant.latent(KITS[it.kit])
    z = torch.randn(len(SEEDS), 5, latent, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    alone = it.variant.sample(Nets(game.networks, {n: p[0] for n, p in params.items()}, {}, {}), z[0])
    if alone.shape != (5, *shape):
        raise Broken(f"{it.name}, 5 latents give samples of shape {list(alone.shape)}, not {[5, *shape]}.", "sample")
    together = game.sample(params, z)
    if not torch.allclose(together[0], alone, rtol=CLOSE, atol=CLOSE):
        raise Broken(f"{it.name}, a seed's samples change when other seeds are sampled beside it.", "sample")
    origin = it.variant.origin(5)
    if origin is not None and origin.shape != (5,):
        raise Broken(f"origin(5) has shape {list(origin.shape)}, not [5]: one generator for each sample.", "origin")


def a_seed_alone_is_the_seed_among_others(it: Case) -> None:
    """Unmapped and mapped rounds agree."""
    together, alone = it.together, it.alone
    _all_finite(it, together, ROUNDS)
    _agree(
        it,
        tree_map(lambda t: t[1:2], together.moving),
        alone.moving,
        "a seed among others differs from the same seed alone",
    )


def traced_equals_untraced(it: Case) -> None:
    """The straight line that a round is traced to does what the Python does."""
    plain, game = it.together, it.traced
    lanes = game.build(SEEDS)
    game.advance(lanes, game.stream(SEEDS), ROUNDS)
    told = "the traced round differs from the Python (does a loss depend on anything but nets and batch?)"
    _agree(it, plain.moving, lanes.moving, told)


def goes_on_after_a_stop(it: Case) -> None:
    """Finite after 20 rounds; stopped after 7, saved and loaded, it ends with the same bytes."""
    seeds, game = SEEDS, it.traced
    whole, first = game.build(seeds), game.build(seeds)
    game.advance(whole, game.stream(seeds), LONG)
    _all_finite(it, whole, LONG)
    game.advance(first, game.stream(seeds), 7)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), first, {}, {})
        second, _, _ = checkpoint.load(Path(folder), game.build(seeds))
    game.advance(second, game.stream(seeds), LONG)
    for a, b in zip(tree_leaves(whole.moving), tree_leaves(second.moving), strict=True):
        if not torch.equal(a, b):
            raise Broken(
                f"{it.name}, a run that was stopped and resumed ends elsewhere than one that was not.", "players"
            )


def _all_finite(it: Case, lanes: Lanes, rounds: int) -> None:
    for network, weights in lanes.moving[0].items():
        if not weights.isfinite().all():
            raise Broken(
                f"{it.name}, {network} is not finite after {rounds} rounds at a rate of 2e-4.", it.loss(network)
            )


def _agree(it: Case, ours: Any, theirs: Any, told: str) -> None:
    for a, b in zip(tree_leaves(ours), tree_leaves(theirs), strict=True):
        if not torch.allclose(a, b, rtol=CLOSE, atol=CLOSE):
            raise Broken(
                f"{it.name}, {told}: they differ by {(a - b).abs().max().item():.1g}.", blame.drawing(type(it.variant))
            )


PLAY: tuple[Callable[[Case], None], ...] = (
    builds,
    samples_have_the_data_s_shape,
    a_player_moves_only_what_it_owns,
    plays_one_seed,
    is_diagnosed,
    a_seed_alone_is_the_seed_among_others,
    traced_equals_untraced,
    goes_on_after_a_stop,
)
