"""Goodfellow et al. 2014, arXiv:1406.2661, with the loss that does not saturate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets
from zoo.variant import register
from zoo.variants.vanilla import Vanilla


@register("ns", family="loss")
@dataclass(frozen=True)
class NonSaturating(Vanilla):
    """G maximises log D(G(z)): the usual GAN, and the base of most others.

        L_D = -E log D(x) - E log(1 - D(G(z)))        L_G = -E log D(G(z))

    The authors' own MNIST (goodfeli/adversarial, mnist.yaml) has this loss for G, half of L_D, and both moving at once against the same samples;
    here they take turns, as in ``vanilla`` and the paper's Algorithm 1.

    Known to fix: the vanishing gradient of the minimax loss early in training (Goodfellow et al. 2014, section 3); not collapse.
    Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3 (the loss that gives strong gradients early in learning).
    """

    equilibrium = {"D": 2 * math.log(2), "G": math.log(2)}

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D(self.sample(nets, batch.z)))
