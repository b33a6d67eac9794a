"""JS-Reg: Roth, Lucchi, Nowozin & Hofmann, NeurIPS 2017, arXiv:1705.09367."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo import penalties
from zoo.game import Batch, Nets
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating


@register("js-reg", family="Lipschitz and penalties")
@dataclass(frozen=True)
class JSReg(NonSaturating):
    """Instance noise without noise: its first-order effect on D, a slope penalty where D errs; its weight may fade.

        L_D = L_D of ns + gamma_t / 2 (E (1 - D(x))^2 |grad l(x)|^2 + E D(G(z))^2 |grad l(G(z))|^2),    D = sigmoid(l)
        L_G as ns,    gamma_t = gamma decay_factor^min(1, t / steps) after t steps of D;  steps = 0 keeps gamma

    gamma is the variance of the noise it stands for. The paper's L_G saturates, and so does that of the released mixture (3DGAN.py) unless
    ``--alt_gen_loss`` is given; the released image scripts have ns', as here. In all three gamma is .1 and fades only with ``--annealing``, so
    here too it stays by default; the README runs the image scripts at a gamma of 2 that fades.

    Known to fix: training that never settles where supports do not overlap, without the variance of sampled noise.
    Source: Roth et al. 2017, arXiv:1705.09367, Algorithm 1; rothk/Stabilizing_GANs, 3DGAN.py (the mixture).
    """

    gamma: Annotated[
        float, Opt("weight of the penalty", 0, source="the released scripts: 0.1; their README, on images: 2")
    ] = 0.1
    decay_factor: Annotated[
        float, Opt("share of it that is left after steps", 0, 1, source="Roth et al. 2017: 0.01")
    ] = 0.01
    steps: Annotated[
        int, Opt("steps of D over which it fades; 0: never", 0, source="the released scripts: 0; their README: the run")
    ] = 0

    def weight(self, nets: Nets) -> Tensor | float:
        """gamma_t."""
        return self.gamma * self.decay_factor ** self.done(nets, self.steps) if self.steps else self.gamma

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        def steep(x: Tensor, missed: Tensor) -> Tensor:
            return (missed.square().flatten() * penalties.slope(nets.D, x).square().sum(1)).mean()

        x, fake = batch.x, self.sample(nets, batch.z)
        omega = steep(x, (-nets.D(x)).sigmoid()) + steep(fake, nets.D(fake).sigmoid())
        return super().d_loss(nets, batch) + self.weight(nets) / 2 * omega
