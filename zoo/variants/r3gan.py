"""R3GAN: Huang, Gokaslan, Kuleshov & Tompkin, NeurIPS 2024, arXiv:2501.05441."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from zoo import penalties
from zoo.game import Batch, Nets
from zoo.variant import Opt, register
from zoo.variants.rsgan import RSGAN


@register("r3gan", family="the modern answer")
@dataclass(frozen=True)
class R3GAN(RSGAN):
    """Relativistic pairs with zero-centred slopes on real and fake alike: converges where each part alone does not.

        L_D = -E log sigmoid(D(x) - D(G(z))) + gamma / 2 (E |grad D(x)|^2 + E |grad D(G(z))|^2),
        L_G = -E log sigmoid(D(G(z)) - D(x))

    L_G is the authors' code's, which does not saturate. The paper's equation 2 is a minimax game, E f(D(G(z)) - D(x)) with f = log sigmoid, which
    D raises and G lowers: there D is high on samples, and G would lower -L_D without its penalties.

    Both penalties act on every step (the authors: on Stacked MNIST, doing so lazily fails outright). ``burn_in`` is the paper's schedule:
    gamma falls from ``gamma`` to ``gamma_end`` by a half cosine over that many steps of D, read off D's own step count; 0 keeps gamma.
    The paper's schedules of beta2 and of the average's half-life are left out (its learning rate is constant on Stacked MNIST); its ResNet
    without normalisation belongs to the recipe.

    Known to fix: missing modes (1000 of 1000 on Stacked MNIST in the paper), and relativistic training that does not converge by itself.
    Source: Huang et al. 2024, arXiv:2501.05441, equations 2 and 3, appendices D and E; brownvc/R3GAN, Trainer.py.
    """

    gamma: Annotated[float, Opt("weight of both penalties", 0, source="Huang et al. 2024: 1 on Stacked MNIST")] = 1.0
    gamma_end: Annotated[float, Opt("their weight after burn_in", 0, source="Huang et al. 2024: 0.1")] = 0.1
    burn_in: Annotated[int, Opt("steps of D over which gamma falls; 0: never", 0, source="Huang et al. 2024: 1/5")] = 0

    def weight(self, nets: Nets) -> Tensor | float:
        """gamma now."""
        if not self.burn_in:
            return self.gamma
        left = 0.5 * (1 + torch.cos(math.pi * self.done(nets, self.burn_in)))
        return self.gamma_end + (self.gamma - self.gamma_end) * left

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        both = (penalties.squared_slope(nets.D, x) for x in (batch.x, self.sample(nets, batch.z)))
        return super().d_loss(nets, batch) + self.weight(nets) / 2 * sum(both)
