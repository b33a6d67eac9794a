"""WGAN: Arjovsky, Chintala & Bottou, ICML 2017, arXiv:1701.07875.

repeat n_critic times:   D <- clip(D + RMSprop(grad of E D(x) - E D(G(z))), -c, c)
once:                    G <- G + RMSprop(grad of E D(G(z)))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo.game import Batch, Nets, Player
from zoo.optim import RMSprop
from zoo.variant import GAN, Opt, register


@dataclass(frozen=True)
class Wasserstein(GAN):
    """A critic D estimates the earth mover's distance: L_D = E D(G(z)) - E D(x), L_G = -E D(G(z)). Base of the Wasserstein GANs."""

    equilibrium = {"D": 0.0, "G": 0.0}

    n_critic: Annotated[int, Opt("critic steps per round", 1, 1000, source="Arjovsky et al. 2017, Algorithm 1: 5")] = 5

    @property
    def discriminator(self) -> Player:
        return Player("D", owns="D", loss=self.d_loss, steps=self.n_critic)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return nets.D(self.sample(nets, batch.z)).mean() - nets.D(batch.x).mean()

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return -nets.D(self.sample(nets, batch.z)).mean()


@register("wgan", family="Lipschitz and penalties")
@dataclass(frozen=True)
class WGAN(Wasserstein):
    """A critic kept Lipschitz by clipping its weights, trained n_critic steps a round.

        L_D = E D(G(z)) - E D(x),    L_G = -E D(G(z)),    every weight of D in [-clip, clip] after each of its steps

    Both players move by RMSprop. Clipping ends D's step, as in Algorithm 1, so it holds inside a look-ahead too. We differ from the
    released code: it clips at the start of each critic step, so its D begins clipped, and G meets a D that has moved once since; here D
    begins unclipped, and G meets a clipped D. Its warm-up of 100 critic steps (first 25 rounds and every 500th) is left out.

    Known to fix: vanishing gradients; the authors saw no collapse in any of their experiments (section 4.3).
    Source: Arjovsky et al. 2017, arXiv:1701.07875, Algorithm 1; martinarjovsky/WassersteinGAN.
    """

    clip: Annotated[float, Opt("bound on D's weights", above=0, source="Arjovsky et al. 2017: 0.01")] = 0.01

    @property
    def discriminator(self) -> Player:
        return Player("D", owns="D", loss=self.d_loss, steps=self.n_critic, project=self.clipped, optimiser=RMSprop())

    @property
    def generator(self) -> Player:
        return Player("G", owns="G", loss=self.g_loss, optimiser=RMSprop())

    def clipped(self, theta: Tensor) -> Tensor:
        return theta.clamp(-self.clip, self.clip)
