"""What D says over the plane, kept at every evaluation of a run on two-dimensional data: where it sends samples, and where it sends none.

A landscape exists where a game has one network D that gives one number for one point. Whether it does is asked of the network itself: some
judge pairs or packs, some answer with classes or energies, and some look at the whole batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from zoo.game import Network, judges
from zoo.harness import Game
from zoo.lanes import Lanes
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


def critic(game: Game, square: Tensor) -> str | None:
    """The network that judges points, if there is one and it judges each by itself: told once, from the weights that seed 0 starts with.

    Not from those in play: a D that compares the samples of a batch may come to ignore that for a while.
    """
    those = [name for name in game.networks if judges(name)]
    if len(those) != 1:
        return None
    at = points(square).to(game.device, game.dtype)
    theta = game.build([0]).moving[0][those[0]][0]
    with torch.no_grad():
        return those[0] if _judges_points(game.networks[those[0]], theta, at) else None


def look(game: Game, lanes: Lanes, square: Tensor, critic: str | None) -> Tensor:
    """The critic's output ``[S, SIDE, SIDE]`` of the first seeds at the weights in play; ``[0, SIDE, SIDE]`` without one."""
    if critic is None:
        return torch.zeros(0, SIDE, SIDE)
    at, network = points(square).to(game.device, game.dtype), game.networks[critic]
    with torch.no_grad():
        found = vmap(lambda theta: network(theta, at))(lanes.moving[0][critic][:SEEDS])
    return found.reshape(-1, SIDE, SIDE).float().cpu()


def _judges_points(network: Network, theta: Tensor, at: Tensor) -> bool:
    """Whether each point gets one number, and the same one in any company, its own double among it."""
    company = torch.cat([at[:1], at[:: SIDE * 4]])
    try:
        together: Any = network(theta, company)
        alone: Any = network(theta, at[:1])
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False  # it judges something else than points
    if not isinstance(together, Tensor) or together.shape != (len(company), 1):
        return False
    return torch.allclose(together[:1], alone, rtol=1e-3, atol=1e-5, equal_nan=True)
