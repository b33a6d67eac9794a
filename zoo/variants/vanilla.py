"""Goodfellow et al. 2014, arXiv:1406.2661, as the minimax game of its equation 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets
from zoo.variant import GAN, register


@register("vanilla", family="loss")
@dataclass(frozen=True)
class Vanilla(GAN):
    """The minimax game: G minimises E log(1 - D(G(z))), which saturates where D is sure.

        min_G max_D  E log D(x) + E log(1 - D(G(z)))

    Known to fix: nothing; it is the game whose collapse the others remedy.
    Source: Goodfellow et al. 2014, arXiv:1406.2661, equation 1 and Algorithm 1 (D first, then G on fresh latents; one step of D
    per step of G). The paper moves by momentum gradient descent; here both move by Adam, as every variant does by default.
    Its experiments' code (goodfeli/adversarial) has G lower the loss of ``ns``.
    """

    equilibrium = {"D": 2 * math.log(2), "G": -math.log(2)}

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return -losses.fake(nets.D(self.sample(nets, batch.z)))

    def diagnostics(self, nets: Nets, batch: Batch) -> dict[str, Tensor]:
        return losses.discriminator_accuracy(nets.D(batch.x).sigmoid(), nets.D(self.sample(nets, batch.z)).sigmoid())
