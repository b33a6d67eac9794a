"""Instance noise: Sonderby, Caballero, Theis, Shi & Huszar, ICLR 2017, arXiv:1610.04490; Arjovsky & Bottou, ICLR 2017, arXiv:1701.04862."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets
from zoo.variant import Kit, Opt, register
from zoo.variants.ns import NonSaturating


@register("instance-noise", family="regularisers against collapse")
@dataclass(frozen=True)
class InstanceNoise(NonSaturating):
    """D sees data and samples through the same noise, which fades: both fill space, so D cannot be perfect and its slope leads somewhere.

        L_D = -E log D(x + e) - E log(1 - D(G(z) + e')),    L_G = -E log D(G(z) + e')
        e, e' ~ N(0, sigma_t^2) in the data's units,        sigma_t = sigma max(0, 1 - t / steps) after t steps of D

    Neither paper fixes sigma or its length: they anneal linearly, by hand for each data set (from memory). Samples are without noise.

    Known to fix: a D that separates supports which do not overlap and leaves G no gradient; coarse structure is matched before fine.
    Source: Sonderby et al. 2017, arXiv:1610.04490, appendix (section from memory); Arjovsky & Bottou 2017, arXiv:1701.04862, section 3.
    """

    sigma: Annotated[float, Opt("standard deviation of the noise at the start", 0, source="ours")] = 0.5
    steps: Annotated[int, Opt("steps of D over which it fades", 1, source="ours")] = 2000

    def uniforms(self, kit: Kit) -> int:
        return 2 * math.prod(kit.shape)

    def noisy(self, nets: Nets, x: Tensor, u: Tensor) -> Tensor:
        """x + e ``[B, *data]``, from uniform draws ``[B, data]``."""
        return x + self.sigma * (1 - self.done(nets, self.steps)) * losses.normal(u).reshape(x.shape)

    def judged(self, nets: Nets, batch: Batch) -> tuple[Tensor, Tensor]:
        """D's logits of noisy data and of noisy samples."""
        u, v = batch.u.chunk(2, 1)
        return nets.D(self.noisy(nets, batch.x, u)), nets.D(self.noisy(nets, self.sample(nets, batch.z), v))

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        real, fake = self.judged(nets, batch)
        return losses.real(real) + losses.fake(fake)

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(self.judged(nets, batch)[1])
