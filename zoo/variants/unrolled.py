"""UnrolledGAN: Metz, Poole, Pfau & Sohl-Dickstein, ICLR 2017, arXiv:1611.02163.

fake, the look-ahead:   theta_D^0 = theta_D,   theta_D^{i+1} = Adam step of D from theta_D^i on its own loss
generator:              descend  f_k(theta_G) = L_G(theta_G, theta_D^k(theta_G))   through all k steps
discriminator:          one ordinary step (not k)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo.game import Batch, Nets
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating


@register("unrolled", family="optimisation")
@dataclass(frozen=True)
class Unrolled(NonSaturating):
    """G descends through k differentiable steps of D, and so is warned before D punishes a collapse.

        L_G = -E log D^k(G(z)),   D^{i+1} = one Adam step of D^i on L_D (same batch),   D^0 = D

    The look-ahead runs through D's live Adam moments and step count, as in the authors' notebook (plain gradient descent there is
    another algorithm). With k = 0 this is ``ns``. ``metz`` is the authors' own form: a saddle, L_G = -L_D(D^k), in which the real term
    counts too since D^k depends on G; and both players move at once on the same batch. With k = 0 that is ``vanilla``, moved at once.

    Known to fix: collapse and hopping between modes: the ring and Stacked MNIST in the paper.
    Source: Metz et al. 2017, arXiv:1611.02163, section 2.3; the notebook "Unrolled GAN demo" of poolio/unrolled_gan for the moves.
    """

    k: Annotated[
        int,
        Opt("discriminator steps that the generator looks ahead through", 0, 100, source="Metz et al. 2017: 5 and 10"),
    ] = 5
    metz: Annotated[
        bool, Opt("the authors' form: saturating loss, simultaneous moves", source="the released notebook")
    ] = False

    @property
    def equilibrium(self) -> Mapping[str, float]:  # type: ignore[override]
        """In the authors' form G's loss is D's with its sign turned."""
        return {"D": 2 * math.log(2), "G": -2 * math.log(2) if self.metz else math.log(2)}

    @property
    def simultaneous(self) -> bool:
        return self.metz

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        for _ in range(self.k):
            nets, _ = nets.descend(self.discriminator, batch)
        return -self.d_loss(nets, batch) if self.metz else super().g_loss(nets, batch)
