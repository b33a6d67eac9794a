"""S seeds of one game, side by side: build, play, sample. Knows no variant, no data set, no metric by name.

Seeds are *lanes*: every tensor has a leading seed axis. A round, written for one seed, is mapped over it and traced once, or compiled and
played seed by seed (``zoo.engines``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from zoo.engines.tracing import Engine, Function, Traced
from zoo.game import Batch, Nets, Network, play, turns
from zoo.lanes import Lanes, Moving
from zoo.optim import Optimiser, takes_betas
from zoo.randomness import Source, Stream, derive, generator
from zoo.recipe import Recipe
from zoo.variant import Kit, Variant

TRACED = Traced()
CHUNK, AT_ONCE = 2_520, 2**22
"""Of samples that are drawn at a time: how many of a seed, and numbers in those of all seeds (a net's layers need fifty times as many)."""


class Game:
    """A variant on a kit under a recipe, as pure functions of lanes: ``build``, ``advance``, ``sample``."""

    def __init__(
        self,
        variant: Variant,
        kit: Kit,
        source: Source,
        recipe: Recipe,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        engine: Engine = TRACED,
    ) -> None:
        self.variant, self.kit, self.source, self.recipe = variant, kit, source, recipe
        self.device, self.dtype, self.engine = torch.device(device), dtype, engine
        self.players = [replace(p, steps=p.steps * (1 if p.adversary else recipe.g_steps)) for p in variant.players()]
        self.networks = {name: Network(net) for name, net in self._modules(0).items()}
        own: dict[str, Any] = {p.name: p.optimiser for p in self.players if takes_betas(p.optimiser)}
        self.optimisers: dict[str, Optimiser] = {n: replace(o, b1=recipe.b1, b2=recipe.b2) for n, o in own.items()}
        self.turns = turns(self.players, variant.simultaneous, recipe.shared_batch)
        self.draws = max(self.turns, default=-1) + 1
        makers = variant.origin(CHUNK)
        self.generators = 1 if makers is None else int(makers.max()) + 1
        self._rounds: dict[int, Function] = {}

    def _modules(self, seed: int) -> dict[str, nn.Module]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "initialisation"))
            nets = self.variant.nets(self.kit)
        nets = {name: net.to(device=self.device, dtype=self.dtype) for name, net in nets.items()}
        drawn = self.source.sample(self.recipe.batch, generator(seed, "beginning", device=self.device))
        self.variant.begin(nets, drawn.to(self.dtype))
        return nets

    def build(self, seeds: Sequence[int]) -> Lanes:
        """The lanes of these seeds before the first round."""
        modules = [self._modules(seed) for seed in seeds]
        params = {n: torch.stack([net.flatten(m[n]) for m in modules]) for n, net in self.networks.items()}
        state = {
            p.name: {n: self.optimisers.get(p.name, p.optimiser).init(params[n]) for n in p.networks}
            for p in self.players
        }
        average = {n: p.clone() for n, p in params.items()} if self.recipe.ema else {}
        return Lanes(list(seeds), (params, state, average))

    def stream(self, seeds: Sequence[int]) -> Stream:
        """The batches of these seeds."""
        return Stream(
            self.source,
            seeds,
            self.recipe.batch,
            self.variant.latent(self.kit),
            self.variant.uniforms(self.kit),
            uniform_latent=self.recipe.uniform_latent,
            device=self.device,
            dtype=self.dtype,
        )

    def _round(self, moving: Moving, lr: dict[str, Tensor], batches: list[Batch]) -> tuple[Moving, dict[str, Tensor]]:
        """One round of one seed."""
        params, state, ema = moving
        start = Nets(self.networks, params, state, lr, self.optimisers)
        nets, losses = play(self.players, self.variant.simultaneous, start, [batches[i] for i in self.turns])
        ema = {n: torch.lerp(average, nets.params[n], 1 - self.recipe.ema) for n, average in ema.items()}
        return (nets.params, nets.state, ema), losses

    def _of_one(self, inputs: Any) -> tuple[Function, list[Tensor]]:
        """One seed's round on a flat list of tensors, and the group's example ``[S, ...]`` of them, as an ``Engine`` takes both."""
        leaves, spec = tree_flatten(inputs)
        return lambda lane: tree_leaves(self._round(*tree_unflatten(lane, spec))), leaves

    def prepare(self, lanes: Lanes, stream: Stream) -> Function:
        """The round for a group of this size, made once."""
        size = len(lanes.seeds) if self.engine.side_by_side else 1
        if size not in self._rounds:
            rates = self._rates(lanes, self.recipe.rate(lanes.played))
            one, example = self._of_one((lanes.moving, rates, self._batches(lanes, stream)))
            self._rounds[size] = self.engine(one, example, len(tree_leaves(lanes.moving)))
        return self._rounds[size]

    def _rates(self, lanes: Lanes, factor: float) -> dict[str, Tensor]:
        """Each player's learning rate, ``[S]``, at ``factor`` of what it starts with."""
        size = (len(lanes.seeds),)
        rates = {p.name: self.recipe.lr_d if p.adversary else self.recipe.lr_g for p in self.players}
        return {n: torch.full(size, rate * factor, device=self.device, dtype=self.dtype) for n, rate in rates.items()}

    def _batches(self, lanes: Lanes, stream: Stream) -> list[Batch]:
        """The next round's batches."""
        return [stream[lanes.played * self.draws + i] for i in range(self.draws)]

    def advance(self, lanes: Lanes, stream: Stream, until: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Play up to round ``until``, or until ``stop()``; in place: a traced round writes over the weights that it was given."""
        one = self.prepare(lanes, stream)
        moving, spec = tree_flatten(lanes.moving)
        factor, rates = None, dict[str, Tensor]()
        with torch.no_grad():  # the round takes its own gradients; nothing here needs a tape
            while lanes.played < until and not stop():
                if (now := self.recipe.rate(lanes.played)) != factor:
                    factor, rates = now, self._rates(lanes, now)
                # nothing holds these batches beyond the round: what comes takes their memory
                out = one(
                    [*moving, *rates.values(), *(part for batch in self._batches(lanes, stream) for part in batch)]
                )
                moving, losses = out[: len(moving)], out[len(moving) :]
                lanes.played += 1
                lanes.keep_losses(torch.stack(losses))
        lanes.moving = tree_unflatten(moving, spec)

    def settle(self, lanes: Lanes) -> dict[str, Tensor]:
        """Each player's loss ``[S]``, averaged over the rounds since the last evaluation; marks the seeds that diverged in them."""
        return dict(zip((p.name for p in self.players), lanes.settle(), strict=True))

    def chunk(self, besides: int = 0) -> int:
        """How many samples of a seed are drawn at a time, when ``besides`` others go with them: every generator makes as many."""
        most = CHUNK - besides
        return most - most % self.generators

    def sample(self, params: dict[str, Tensor], z: Tensor, out: Tensor | None = None) -> Tensor:
        """Samples ``[S, N, *data]`` (into ``out``) for latents ``[S, N, z]`` from stacked weights ``[S, P]``, in chunks along N and groups of seeds.

        A variant of several generators takes turns by position, which goes on across chunks. Batch normalisation takes the statistics of a chunk.
        """

        def one(params: dict[str, Tensor], z: Tensor) -> Tensor:
            return self.variant.sample(Nets(self.networks, params, {}, {}), z)

        made = z.new_empty(*z.shape[:2], *self.source.shape) if out is None else out
        chunk = self.chunk()
        seeds = max(1, AT_ONCE // (min(chunk, z.shape[1]) * made[0, 0].nelement()))
        with torch.no_grad():
            for first in range(0, len(z), seeds):
                some = slice(first, first + seeds)
                weights = {name: p[some] for name, p in params.items()}
                for part, place in zip(z[some].split(chunk, dim=1), made[some].split(chunk, dim=1), strict=True):
                    place.copy_(vmap(one)(weights, part))
        return made
