"""0-GP: Thanh-Tung, Tran & Venkatesh, ICLR 2019, arXiv:1902.03984."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo import penalties
from zoo.game import Batch, Nets
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating


@register("zero-gp", family="Lipschitz and penalties")
@dataclass(frozen=True)
class ZeroGP(NonSaturating):
    """D is kept flat all the way between a sample and data, so that it cannot learn the training points by heart.

        L_D = L_D of ns + lam E |grad D(x^)|^2,   x^ = G(z) + u (x - G(z)),  u uniform,  D the sigmoid of the logit;    L_G as ns

    The slope is that of the probability, as in the paper and its scripts (GAN_stability's ``wgangp0`` takes the logit's). The 2-D script moves by
    plain gradient descent unless told to by Adam.

    Known to fix: gradients that explode around data points, which G can only follow to some of them.
    Source: Thanh-Tung et al. 2019, arXiv:1902.03984; htt210/GeneralizationAndStabilityInGANs, GradientPenaltiesGAN.py.
    """

    lam: Annotated[float, Opt("weight of the penalty", 0, source="the released 2-D script: 10")] = 10.0

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        between = penalties.between(self.sample(nets, batch.z), batch.x, batch.u)
        return super().d_loss(nets, batch) + self.lam * penalties.squared_slope(lambda x: nets.D(x).sigmoid(), between)
