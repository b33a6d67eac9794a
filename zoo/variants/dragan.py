"""DRAGAN: Kodali, Abernethy, Hays & Kira 2017, arXiv:1705.07215."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo import penalties
from zoo.game import Batch, Nets
from zoo.variant import Kit, Opt, register
from zoo.variants.ns import NonSaturating


@register("dragan", family="Lipschitz and penalties")
@dataclass(frozen=True)
class DRAGAN(NonSaturating):
    """D's slope is pulled to 1 around the data, since sharp slopes there come with collapse.

        L_D = L_D of ns + lam E (|grad D(x + alpha delta)| - 1)^2,    delta = 1/2 std(x) U(0, 1)^d,   alpha ~ U(0, 1)

    with D the logit, std(x) one number for the batch, and alpha one per sample, as in the released notebook (the paper's text perturbs by
    Gaussian noise). The noise is not centred: it only ever adds.

    Known to fix: sharp slopes of D, which the paper often finds around some of the data where training collapses.
    Source: Kodali et al. 2017, arXiv:1705.07215, equation 1 and section 2.4; kodalinaveen3/DRAGAN.
    """

    equilibrium = {"G": math.log(2)}

    lam: Annotated[float, Opt("weight of the penalty", 0, source="Kodali et al. 2017: 10")] = 10.0

    def uniforms(self, kit: Kit) -> int:
        return 1 + math.prod(kit.shape)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        alpha, noise = batch.u[:, :1], batch.u[:, 1:].reshape(batch.x.shape)
        perturbed = batch.x + 0.5 * batch.x.std(correction=0) * noise
        around = penalties.between(batch.x, perturbed, alpha)
        return super().d_loss(nets, batch) + self.lam * penalties.unit_slope(nets.D, around)
