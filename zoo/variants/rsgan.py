"""RSGAN: Jolicoeur-Martineau, ICLR 2019, arXiv:1807.00734."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets
from zoo.variant import GAN, register


@register("rsgan", family="loss")
@dataclass(frozen=True)
class RSGAN(GAN):
    """D judges pairs: is this real sample more real than that fake one? So G must also lower D on real samples.

        L_D = -E log sigmoid(D(x) - D(G(z))),    L_G = -E log sigmoid(D(G(z)) - D(x))

    Sample i of the real batch is paired with sample i of the fake one. D is a logit.

    Known to fix: a D that ends by calling everything real, though half of it is fake, since G raises it on samples and leaves it on data;
    stability and quality are claimed, not coverage.
    Source: Jolicoeur-Martineau 2019, arXiv:1807.00734, section 4.1.
    """

    equilibrium = {"D": math.log(2), "G": math.log(2)}

    def lead(self, nets: Nets, batch: Batch) -> Tensor:
        """By how much D prefers each real sample to its fake partner, ``[B, 1]``."""
        return nets.D(batch.x) - nets.D(self.sample(nets, batch.z))

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(self.lead(nets, batch))

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.fake(self.lead(nets, batch))
