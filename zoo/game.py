"""A GAN is a game between players. This page is the whole abstraction.

A *player* owns some networks and moves them to lower its loss. The one verb is ``descend``: a player takes one optimiser step on its
own loss, purely. It is what training does, and what a look-ahead loss does: UnrolledGAN's generator calls it k times inside its loss.

Losses are written for **one seed**, in the paper's symbols; the harness maps them over seeds. A network's parameters are one flat
vector, so that an optimiser's step is a handful of operations whatever the depth of the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from zoo.optim import Adam, Optimiser, State


class Batch(NamedTuple):
    """All the randomness that a loss may use; a loss draws none itself."""

    x: Tensor
    """Real data ``[B, *data]``."""
    z: Tensor
    """Latents ``[B, z]``, N(0, 1) unless the recipe says U(-1, 1)."""
    u: Tensor
    """U(0, 1) ``[B, m]``: as many columns as the variant's ``uniforms`` asks for (one unless it says so)."""


class Network:
    """A module as a pure function of one flat parameter vector: ``network(theta, x)``.

    Buffers are constants. Parameters are laid out in ``module.named_parameters()`` order.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        named = dict(module.named_parameters())
        self.names = list(named)
        self.shapes = [p.shape for p in named.values()]
        self.sizes = [p.numel() for p in named.values()]

    def __call__(self, theta: Tensor, *inputs: Tensor) -> Any:
        return functional_call(self.module, self.unflatten(theta), inputs)

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """The named parameters, as views into ``theta [P]``."""
        pieces = theta.split(self.sizes)
        return {n: p.view(s) for n, p, s in zip(self.names, pieces, self.shapes, strict=True)}

    def flatten(self, module: nn.Module) -> Tensor:
        """The parameters of ``module`` (built like this one) as a flat vector ``[P]``."""
        return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


def judges(network: str) -> bool:
    """Whether a network of this name tells real from fake: D, D1, D_M; not Decoder, Denoiser or Dec."""
    return re.fullmatch(r"D(\d+|_\w+)?", network) is not None


@dataclass(frozen=True)
class Player:
    """Who moves what, to lower which loss.

    ``owns`` names networks. One that judges (``judges``) makes its owner an adversary: it moves at the recipe's ``lr_d``; all others move at
    ``lr_g``, ``g_steps`` times as often. ``steps`` turns per round, each on a fresh batch (one where all move at once); after each
    step ``project`` maps the owned parameters back to the allowed set.
    """

    name: str
    owns: str
    loss: Callable[[Nets, Batch], Tensor]
    steps: int = 1
    project: Callable[[Tensor], Tensor] | None = None
    optimiser: Optimiser = field(default_factory=Adam)

    @property
    def networks(self) -> list[str]:
        return self.owns.split()

    @property
    def adversary(self) -> bool:
        """Whether this player owns a network that judges samples."""
        return any(map(judges, self.networks))


@dataclass(frozen=True)
class Nets:
    """Networks at some parameters: ``nets.D(x)``, ``nets.G(z)``; immutable.

    ``params[network] [P]``; ``state[player][network]`` the optimisers' states; ``lr[player]`` the learning rates now;
    ``optimisers[player]`` replaces a player's own optimiser where the run's recipe says so.
    """

    networks: Mapping[str, Network]
    params: dict[str, Tensor]
    state: dict[str, dict[str, State]]
    lr: dict[str, Tensor]
    optimisers: Mapping[str, Optimiser] = field(default_factory=dict)
    memo: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict, compare=False, repr=False)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__") or name not in self.networks:
            raise AttributeError(f"this game has no network '{name}', it has: {', '.join(self.networks)}")
        return partial(self._apply, name)

    def _apply(self, name: str, *inputs: Tensor) -> Any:
        """Evaluate a network, once for the same parameters and inputs: k look-ahead steps on one batch share one G(z)."""
        theta = self.params[name]
        key = (name, id(theta), *map(id, inputs))
        if key not in self.memo:  # the entry holds its key's tensors, so that no id is reused while it lives
            self.memo[key] = (self.networks[name](theta, *inputs), theta, inputs)
        return self.memo[key][0]

    def bind(self, **params: Tensor) -> Nets:
        """The same game with some networks at other parameters."""
        return replace(self, params=self.params | params)

    def descend(self, player: Player, batch: Batch) -> tuple[Nets, Tensor]:
        """``player`` takes one step on its own loss: gradient, optimiser, projection. Pure and differentiable.

        Returns the game after the step and the loss before it. Other networks and other players' states are unchanged.
        """
        own = {n: self.params[n] for n in player.networks}
        grads, loss = grad_and_value(lambda theta: player.loss(self.bind(**theta), batch))(own)
        optimiser = self.optimisers.get(player.name, player.optimiser)
        params, states = dict(self.params), dict(self.state[player.name])
        for n, grad in grads.items():
            theta, states[n] = optimiser.step(own[n], grad, states[n], self.lr[player.name])
            params[n] = player.project(theta) if player.project else theta
        return replace(self, params=params, state=self.state | {player.name: states}), loss


def play(
    players: Sequence[Player], simultaneous: bool, nets: Nets, batches: Iterable[Batch]
) -> tuple[Nets, dict[str, Tensor]]:
    """One round: each player takes its turns, in order, each on the next batch; or all move at once from the same point on one batch.

    Returns the game after the round, and each player's loss before its move (the mean over its turns).
    """
    stream = iter(batches)
    losses: dict[str, Tensor] = {}
    if simultaneous:
        batch, start = next(stream), nets
        for player in players:
            moved, losses[player.name] = replace(start, memo={}).descend(player, batch)
            own = {n: moved.params[n] for n in player.networks}
            nets = replace(nets.bind(**own), state=nets.state | {player.name: moved.state[player.name]})
        return nets, losses
    for player in players:
        turns = []
        for _ in range(player.steps):
            nets, loss = replace(nets, memo={}).descend(player, next(stream))
            turns.append(loss)
        losses[player.name] = torch.stack(turns).mean() if player.steps > 1 else turns[0]
    return nets, losses


def turns(players: Sequence[Player], simultaneous: bool, shared: bool = False) -> list[int]:
    """For each turn of a round, which of the round's batches it takes: a fresh one (Goodfellow's Algorithm 1).

    ``shared``: those who generate take the judges' last one again, as many scripts do. All who move at once take one.
    """
    taken: list[int] = []
    for player in players[:1] if simultaneous else players:
        for _ in range(1 if simultaneous else player.steps):
            fresh = not taken or player.adversary or not shared
            taken.append(max(taken, default=-1) + fresh)
    return taken
