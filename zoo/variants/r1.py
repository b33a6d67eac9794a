"""R1: Mescheder, Geiger & Nowozin, ICML 2018, arXiv:1801.04406."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo import penalties
from zoo.game import Batch, Nets
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating


@register("r1", family="Lipschitz and penalties")
@dataclass(frozen=True)
class R1(NonSaturating):
    """D is kept flat on the data, so that at the optimum nothing pushes the generator away again.

        L_D = L_D of ns + gamma / 2 E |grad D(x)|^2,    L_G as ns,    D the logit

    The authors' code (LMescheder/GAN_stability) leaves out the half: its weight of 10 is gamma 20 here. Its players move by RMSprop.

    Known to fix: circling that never converges where data fill less than the whole space.
    Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9.
    """

    gamma: Annotated[float, Opt("weight of the penalty", 0, source="Mescheder et al. 2018: 10")] = 10.0

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return super().d_loss(nets, batch) + self.gamma / 2 * penalties.squared_slope(nets.D, batch.x)
