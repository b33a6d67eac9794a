"""What D says over the plane, kept at every evaluation of a run on two-dimensional data: where it sends samples, and where it sends none.

A landscape exists where a game has one network D that gives one number for one point. Whether it does is asked of the network itself: some
judge pairs or packs, some answer with classes or energies, and some look at the whole batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from zoo.game import Network
from zoo.harness import Game, Lanes
from zoo.randomness import Source

SIDE, SEEDS = 32, 4
"""Points along each side of the plane, and how many seeds (the first ones) are kept."""


def extent(source: Source) -> Tensor | None:
    """The square ``[x0, x1, y0, y1]`` that holds the data with room around it; None unless it is two-dimensional."""
    if source.shape != (2,):
        return None
    x = source.sample(2000, torch.Generator().manual_seed(0)).cpu()
    low, high = x.quantile(0.001, 0), x.quantile(0.999, 0)
    reach = 0.68 * float((high - low).max())
    return torch.stack([(low + high) / 2 - reach, (low + high) / 2 + reach], 1).flatten()


def points(square: Tensor) -> Tensor:
    """``[SIDE * SIDE, 2]`` over the square, rows of y from below."""
    x, y = (torch.linspace(float(a), float(b), SIDE) for a, b in (square[:2], square[2:]))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)


def look(game: Game, lanes: Lanes, square: Tensor) -> Tensor:
    """D's output ``[S, SIDE, SIDE]`` of the first seeds at the weights in play; ``[0, SIDE, SIDE]`` where no single D judges a point."""
    at = points(square).to(game.device, game.dtype)
    judges = [name for name in game.networks if name.startswith("D")]
    weights = {name: theta[:SEEDS] for name, theta in lanes.moving[0].items()}
    with torch.no_grad():
        if len(judges) != 1 or not _judges_points(game.networks[judges[0]], weights[judges[0]][0], at):
            return torch.zeros(0, SIDE, SIDE)
        network = game.networks[judges[0]]
        found = vmap(lambda theta: network(theta, at))(weights[judges[0]])
    return found.reshape(-1, SIDE, SIDE).float().cpu()


def _judges_points(network: Network, theta: Tensor, at: Tensor) -> bool:
    """Whether each point gets one number, and the same one in any company."""
    try:
        together: Any = network(theta, at[:: SIDE * 4])
        alone: Any = network(theta, at[:1])
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False  # it judges something else than points
    if not isinstance(together, Tensor) or together.shape != (len(at[:: SIDE * 4]), 1):
        return False
    return torch.allclose(together[:1], alone, rtol=1e-3, atol=1e-5, equal_nan=True)
