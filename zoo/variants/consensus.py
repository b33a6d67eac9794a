"""Consensus optimisation: Mescheder, Nowozin & Geiger, NeurIPS 2017, arXiv:1705.10461."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor
from torch.func import grad

from zoo.game import Batch, Nets, Player
from zoo.optim import RMSprop
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating


@register("consensus", family="optimisation")
@dataclass(frozen=True)
class Consensus(NonSaturating):
    """Both players also lower the length of the joint gradient, which turns circling around an equilibrium into falling into it.

        v = (dL_D/dD, dL_G/dG),   R = 1/2 |v|^2
        D descends L_D + gamma R,   G descends L_G + gamma R,   both at once, by RMSprop

    L_D and L_G are those of ``ns``. RMSprop is torch's, which keeps .99 of its mean square at a step; the released code's is TensorFlow's,
    which keeps .9 and starts at 1, not 0, so that its first steps are shorter, and has 1e-10 within the root, so that gradients below 1e-5 step less.

    Known to fix: circling: eigenvalues of the game without a real part; the paper covers an 8-mode mixture that plain training leaves.
    Source: Mescheder et al. 2017, arXiv:1705.10461, Algorithm 2; LMescheder/TheNumericsOfGANs, whose mixture notebook has gamma 10, and
    RMSprop at 1e-4.
    """

    gamma: Annotated[float, Opt("weight of the joint gradient's length", 0, source="the released mixture: 10")] = 10.0

    @property
    def simultaneous(self) -> bool:
        return True

    def length(self, nets: Nets, batch: Batch) -> Tensor:
        """R = 1/2 |v|^2."""
        v_d = grad(lambda theta: self.d_loss(nets.bind(D=theta), batch))(nets.params["D"])
        v_g = grad(lambda theta: self.g_loss(nets.bind(G=theta), batch))(nets.params["G"])
        return 0.5 * (v_d.square().sum() + v_g.square().sum())

    def players(self) -> tuple[Player, ...]:
        def d(nets: Nets, batch: Batch) -> Tensor:
            return self.d_loss(nets, batch) + self.gamma * self.length(nets, batch)

        def g(nets: Nets, batch: Batch) -> Tensor:
            return self.g_loss(nets, batch) + self.gamma * self.length(nets, batch)

        return Player("D", owns="D", loss=d, optimiser=RMSprop()), Player("G", owns="G", loss=g, optimiser=RMSprop())
