"""Lookahead-minimax: Chavdarova, Pagliardini, Stich, Fleuret & Jaggi, ICLR 2021, arXiv:2006.14567.

k rounds of the game as usual, then both players at once go back:  slow <- slow + alpha (fast - slow),   fast <- slow
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from zoo.game import Batch, Nets, Player
from zoo.optim import State
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating


@dataclass(frozen=True)
class Backtrack:
    """Not a descent: at every k-th step, slow <- slow + alpha (theta - slow) and theta <- slow. Ignores gradient and learning rate."""

    k: int
    alpha: float

    def init(self, theta: Tensor) -> State:
        return {"slow": theta.clone(), "t": theta.new_zeros(theta.shape[:-1])}

    def step(self, theta: Tensor, grad: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        t = state["t"] + 1
        due = (t % self.k == 0)[..., None]
        slow = torch.where(due, torch.lerp(state["slow"], theta, self.alpha), state["slow"])
        return torch.where(due, slow, theta), {"slow": slow, "t": t}


@register("lookahead", family="optimisation")
@dataclass(frozen=True)
class Lookahead(NonSaturating):
    """Every k rounds both players step back towards where they were, which damps the circling of the game.

        slow <- slow + alpha (fast - slow),    fast <- slow,    for D and G together, after G's move of every k-th round

    A third player does so: it owns both networks, and its optimiser is the line above (its loss is 0). The players' losses are those of
    ``ns``; their Adam moments are left as they are, as in the authors' code. Slow starts where the players
    start; there it starts at the first step back, which so does nothing. The authors' nested form (a second, slower average) is left
    out; the recipe's average of G's weights is available.

    Known to fix: circling and noisy gradients; fewer late failures of training are claimed.
    Source: Chavdarova et al. 2021, arXiv:2006.14567, Algorithm 1; Chavdarova/LAGAN-Lookahead_Minimax.
    """

    k: Annotated[int, Opt("rounds between steps back", 1, source="Chavdarova et al. 2021: 5")] = 5
    alpha: Annotated[float, Opt("share of the way kept", 0, 1, source="Chavdarova et al. 2021: 0.5")] = 0.5

    def players(self) -> tuple[Player, ...]:
        slow = Player("slow", owns="D G", loss=self.nothing, optimiser=Backtrack(self.k, self.alpha))
        return *super().players(), slow

    def nothing(self, nets: Nets, batch: Batch) -> Tensor:
        return batch.z.new_zeros(())
