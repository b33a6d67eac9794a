"""RaGAN: Jolicoeur-Martineau, ICLR 2019, arXiv:1807.00734, the relativistic average."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets
from zoo.variant import GAN, register


@register("ragan", family="loss")
@dataclass(frozen=True)
class RaGAN(GAN):
    """D judges each sample against the average of the other kind.

        r = D(x) - E D(G(z)),   f = D(G(z)) - E D(x)
        L_D = -E log sigmoid(r) - E log(1 - sigmoid(f)),    L_G = -E log sigmoid(f) - E log(1 - sigmoid(r))

    The authors' code halves both losses, by which Adam moves alike.

    Known to fix: a D that ends by calling everything real, though half of it is fake, since G raises it on samples and leaves it on data;
    stability and quality are claimed, not coverage.
    Source: Jolicoeur-Martineau 2019, arXiv:1807.00734, section 4.2 (RaSGAN).
    """

    equilibrium = {"D": 2 * math.log(2), "G": 2 * math.log(2)}

    def leads(self, nets: Nets, batch: Batch) -> tuple[Tensor, Tensor]:
        """r and f, ``[B, 1]`` each."""
        real, fake = nets.D(batch.x), nets.D(self.sample(nets, batch.z))
        return real - fake.mean(), fake - real.mean()

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        r, f = self.leads(nets, batch)
        return losses.real(r) + losses.fake(f)

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        r, f = self.leads(nets, batch)
        return losses.real(f) + losses.fake(r)
