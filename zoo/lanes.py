"""The state of a group of seeds, and what can be done with it whatever the game: joined, split, and looked through for divergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from zoo.optim import State

Moving: TypeAlias = tuple[dict[str, Tensor], dict[str, dict[str, State]], dict[str, Tensor]]
"""What a round changes: weights by network, optimiser states by player and network, averaged weights by network (or none)."""
PIECES = 1024
"""Rounds whose losses are kept apart before they are joined."""


@dataclass
class Lanes:
    """The state of a group of seeds: everything that training changes, each tensor with a leading seed axis."""

    seeds: list[int]
    moving: Moving
    played: int = 0
    diverged: dict[int, int] = field(default_factory=dict)
    losses: list[Tensor] = field(default_factory=list)
    """The rounds' losses ``[rounds, players, S]`` since the last evaluation, in pieces."""

    @property
    def sampled(self) -> dict[str, Tensor]:
        """The weights that samples come from: the average where the recipe keeps one."""
        params, _, ema = self.moving
        return ema or params

    def keep_losses(self, losses: Tensor) -> None:
        """Add a round's losses ``[players, S]`` to the history. Many are joined: a small tensor takes more memory than its numbers."""
        self.losses.append(losses[None])
        if len(self.losses) == PIECES:
            self.losses = [torch.cat(self.losses)]

    def settle(self) -> Tensor:
        """The players' losses ``[players, S]``, averaged over the rounds since the last evaluation; marks the seeds that diverged in them.

        A lane that is no longer finite is a result, not an error: its seed, and the first round at which it showed, are kept.
        """
        history, self.losses = torch.cat(self.losses), []  # [rounds, players, S]
        broken = ~history.isfinite().all(1)  # [rounds, S]
        broken[-1] |= ~torch.stack([p.isfinite().all(-1) for p in self.moving[0].values()]).all(0)
        rounds = broken.int().argmax(0).tolist()
        for seed, is_broken, first in zip(self.seeds, broken.any(0).tolist(), rounds, strict=True):
            if is_broken:
                self.diverged.setdefault(seed, self.played - len(history) + first + 1)
        return history.mean(0)

    @staticmethod
    def joined(groups: Sequence[Lanes]) -> Lanes:
        """Groups that have played equally many rounds as one."""
        moving = tree_map(lambda *parts: torch.cat(parts), *[group.moving for group in groups])
        losses = [torch.cat([torch.cat(group.losses) for group in groups], dim=-1)] if groups[0].losses else []
        diverged = {seed: r for group in groups for seed, r in group.diverged.items()}
        return Lanes([s for group in groups for s in group.seeds], moving, groups[0].played, diverged, losses)

    def part(self, part: slice, device: torch.device, dtype: torch.dtype) -> Lanes:
        """Some of the lanes, as tensors of their own."""

        def place(tensor: Tensor) -> Tensor:
            # a copy, so that it starts where every tensor starts: kernels round by how their memory is aligned
            return tensor.to(device, dtype).clone()

        seeds = self.seeds[part]
        moving = tree_map(lambda t: place(t[part]), self.moving)
        diverged = {s: r for s, r in self.diverged.items() if s in seeds}
        return Lanes(seeds, moving, self.played, diverged, [place(loss[..., part]) for loss in self.losses])
