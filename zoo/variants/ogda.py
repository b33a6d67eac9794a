"""Optimistic Adam: Daskalakis, Ilyas, Syrgkanis & Zeng, ICLR 2018, arXiv:1711.00141.

theta_t = theta_{t-1} - 2 u_t + u_{t-1},    u_t = lr m^_t / (sqrt(v^_t) + eps), Adam's step
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.game import Player
from zoo.optim import Adam, State
from zoo.variant import register
from zoo.variants.ns import NonSaturating


@dataclass(frozen=True)
class OptimisticAdam(Adam):
    """Adam's step twice, less the step before: a guess at the gradient to come (the step before the first is 0)."""

    def init(self, theta: Tensor) -> State:
        return super().init(theta) | {"u": torch.zeros_like(theta)}

    def step(self, theta: Tensor, grad: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        moved, after = super().step(theta, grad, state, lr)
        u = theta - moved
        return theta - 2 * u + state["u"], after | {"u": u}


@register("ogda", family="optimisation")
@dataclass(frozen=True)
class OGDA(NonSaturating):
    """Optimistic gradient descent: each player undoes its last step and takes the present one twice, which stops the game's circling.

        theta_t = theta_{t-1} - 2 u_t + u_{t-1},    u_t the step that Adam would take

    Losses are those of ``ns`` (the paper: WGAN's), and players take turns. **Put right**: the authors' code (vsyrgkanis/optimistic_GAN_training,
    script/optimizer.py, optimAdam) adds back m_old, which it then sets to m, in the same group of updates that sets m to its new value. Theano
    makes these at once, so that step t undoes part of step t - 2, one too early (with TensorFlow their order is not fixed); and it scales that
    step by the present bias correction. Here it is step t - 1 as it was, as Algorithm 1 has it.

    Known to fix: circling: the last iterate converges where gradient descent orbits.
    Source: Daskalakis et al. 2018, arXiv:1711.00141, Algorithm 1 (Optimistic Adam).
    """

    @property
    def discriminator(self) -> Player:
        return Player("D", owns="D", loss=self.d_loss, optimiser=OptimisticAdam())

    @property
    def generator(self) -> Player:
        return Player("G", owns="G", loss=self.g_loss, optimiser=OptimisticAdam())
