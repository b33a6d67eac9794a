"""Extragradient: Korpelevich 1976; for GANs Gidel, Berard, Vignoud, Vincent & Lacoste-Julien, ICLR 2019, arXiv:1802.10551.

look:   theta' = theta - step of the gradient at theta,  both players at once
move:   theta <- theta - step of the gradient at theta'
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.game import Batch, Nets, Player
from zoo.variant import register
from zoo.variants.ns import NonSaturating


@register("extragradient", family="optimisation")
@dataclass(frozen=True)
class Extragradient(NonSaturating):
    """Both players move from where they are, by the gradient of where they would both be next.

        theta' = (D', G') one step of both from theta = (D, G),    D and G step by dL_D/dD and dL_G/dG taken at theta'

    Steps are Adam's, and losses those of ``ns``. We differ from ExtraAdam (Algorithm 4): there look and move are on batches of their own,
    here on the same one (as in the paper's Algorithm 5), which is stabler under noise; and there the look's gradient also enters Adam's
    moments, while here the look runs through the live moments and is then forgotten. (In the released program the look is not quite of both at
    once: D's weights are moved in place before G's gradient is taken back through them.)

    Known to fix: circling: converges on bilinear games, where gradient descent diverges.
    Source: Gidel et al. 2019, arXiv:1802.10551, equations 14 and 15, Algorithms 4 and 5; GauthierGidel/Variational-Inequality-GAN.
    """

    @property
    def simultaneous(self) -> bool:
        return True

    def players(self) -> tuple[Player, ...]:
        def d(nets: Nets, batch: Batch) -> Tensor:
            return self.d_loss(self.ahead(nets, batch), batch)

        def g(nets: Nets, batch: Batch) -> Tensor:
            return self.g_loss(self.ahead(nets, batch), batch)

        return Player("D", owns="D", loss=d), Player("G", owns="G", loss=g)

    def ahead(self, nets: Nets, batch: Batch) -> Nets:
        """The game at theta'; a constant shift away, so that a gradient with respect to theta is the one at theta'."""
        D, G = (nets.descend(p, batch)[0].params[p.owns] for p in (self.discriminator, self.generator))
        theta = nets.params
        return nets.bind(D=theta["D"] + (D - theta["D"]).detach(), G=theta["G"] + (G - theta["G"]).detach())
