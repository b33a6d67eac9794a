"""What a variant tells of its players at an evaluation, beside losses and samples: how sure D is, where D gives a probability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import vmap

from zoo.game import Batch, Nets

if TYPE_CHECKING:
    from zoo.harness import Game
    from zoo.lanes import Lanes
    from zoo.randomness import Stream

SAMPLES, BATCHES = 512, 16
"""About how many real samples are looked at, in at most so many batches."""


def diagnose(game: Game, lanes: Lanes, stream: Stream) -> dict[str, Tensor]:
    """``Variant.diagnostics`` of every seed ``[S]``: the mean over the next batches, at the weights in play (not their average)."""

    def one(params: dict[str, Tensor], batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        return game.variant.diagnostics(Nets(game.networks, params, {}, {}), Batch(*batch))

    start, n = lanes.played * game.draws, min(BATCHES, math.ceil(SAMPLES / game.recipe.batch))
    with torch.no_grad():
        found = [vmap(one)(lanes.moving[0], tuple(stream[start + i])) for i in range(n)]
    return {name: torch.stack([told[name] for told in found]).mean(0) for name in found[0]}
