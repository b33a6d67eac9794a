"""D2GAN: Nguyen, Le, Vu & Phung, NeurIPS 2017, arXiv:1709.03831."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo import losses
from zoo.game import Batch, Nets, Player
from zoo.variant import GAN, Kit, Opt, register


@register("d2gan", family="structure")
@dataclass(frozen=True)
class D2GAN(GAN):
    """Two discriminators, one rewarding data and one rewarding samples, make G lower the KL divergence in both directions.

        L_D = E [-alpha log D1(x) + D1(G(z))] + E [D2(x) - beta log D2(G(z))]
        L_G = E [-D1(G(z)) + beta log D2(G(z))],          D1, D2 > 0: the softplus of a network

    At the best D1 and D2, G's gradient is that of alpha KL(data | G) + beta KL(G | data). (L_G itself is beta KL(G | data) there, up to a constant:
    the paper's objective has D1's term of the data too, which G does not move.) One player moves both: their losses are separate.

    Known to fix: missing modes: the forward KL divergence punishes each one.
    Source: Nguyen et al. 2017, arXiv:1709.03831, equation 1; tund/D2GAN, models.py.
    """

    alpha: Annotated[float, Opt("weight of log D1", above=0, at_most=1, source="the released code: 1")] = 1.0
    beta: Annotated[float, Opt("weight of log D2", above=0, at_most=1, source="the released code: 1")] = 1.0

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "D1": kit.discriminator(), "D2": kit.discriminator()}

    @property
    def discriminator(self) -> Player:
        return Player("D", owns="D1 D2", loss=self.d_loss)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        x, fake, log = batch.x, self.sample(nets, batch.z), losses.log_softplus
        one = softplus(nets.D1(fake)).mean() - self.alpha * log(nets.D1(x)).mean()
        two = softplus(nets.D2(x)).mean() - self.beta * log(nets.D2(fake)).mean()
        return one + two

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        fake = self.sample(nets, batch.z)
        return self.beta * losses.log_softplus(nets.D2(fake)).mean() - softplus(nets.D1(fake)).mean()
