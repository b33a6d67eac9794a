"""WGAN-GP: Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, NeurIPS 2017, arXiv:1704.00028."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo import penalties
from zoo.game import Batch, Nets
from zoo.variant import Opt, register
from zoo.variants.wgan import Wasserstein


@register("wgan-gp", family="Lipschitz and penalties")
@dataclass(frozen=True)
class WGANGP(Wasserstein):
    """A critic kept Lipschitz by a penalty that pulls its slope to 1 between real and fake samples.

        L_D = E D(G(z)) - E D(x) + lam E (|grad D(x^)| - 1)^2,   x^ = x + u (G(z) - x),  u uniform;    L_G = -E D(G(z))

    Both move by Adam (the paper: beta1 0 or 0.5, beta2 0.9: the recipe's). D must treat each sample by itself.

    Known to fix: the capacity that clipping takes from the critic (its surfaces on 8 and 25 Gaussians); stable over many architectures.
    Source: Gulrajani et al. 2017, arXiv:1704.00028, equation 3 and Algorithm 1; igul222/improved_wgan_training, gan_toy.py.
    """

    equilibrium = {"G": 0.0}

    lam: Annotated[
        float, Opt("weight of the penalty", 0, source="the released gan_toy.py: 0.1; the paper: 10 throughout")
    ] = 0.1

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        between = penalties.between(batch.x, self.sample(nets, batch.z), batch.u)
        return super().d_loss(nets, batch) + self.lam * penalties.unit_slope(nets.D, between)
