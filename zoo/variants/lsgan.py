"""LSGAN: Mao, Li, Xie, Lau, Wang & Smolley, ICCV 2017, arXiv:1611.04076."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets
from zoo.variant import GAN, register


@register("lsgan", family="loss")
@dataclass(frozen=True)
class LSGAN(GAN):
    """D regresses real to 1 and fake to 0 by least squares, so that samples far on the right side of D still have a gradient.

        L_D = 1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2,    L_G = 1/2 E (D(G(z)) - 1)^2

    D is a plain number, no sigmoid; targets a = 0, b = c = 1, the paper's equation 9. The released mixture (xudonmao/LSGAN, ls.py) has batch / 2
    times these losses, sums instead of means and halved once more, by which Adam moves alike.

    Known to fix: vanishing gradients on samples that D already takes for real; the paper shows all 8 modes of a mixture covered.
    Source: Mao et al. 2017, arXiv:1611.04076, equations 2 and 9.
    """

    equilibrium = {"D": 0.25, "G": 0.125}

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        real, fake = nets.D(batch.x), nets.D(self.sample(nets, batch.z))
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return 0.5 * (nets.D(self.sample(nets, batch.z)) - 1).square().mean()

    def diagnostics(self, nets: Nets, batch: Batch) -> dict[str, Tensor]:
        return losses.discriminator_accuracy(nets.D(batch.x), nets.D(self.sample(nets, batch.z)))
