"""The hinge loss: Lim & Ye 2017, arXiv:1705.02894; Miyato, Kataoka, Koyama & Yoshida 2018, arXiv:1802.05957."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.game import Batch, Nets
from zoo.variant import GAN, register


@register("hinge", family="loss")
@dataclass(frozen=True)
class Hinge(GAN):
    """D cares only for samples within its margin, G raises D without bound.

        L_D = E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))),    L_G = -E D(G(z))

    The loss alone. To Lim & Ye D's last layer is a support vector machine, so their code (lim0606/pytorch-geometric-gan, main.py) also lets that
    layer's weights decay, by 1 / (batch C) with C = 1, and moves G ten times to a step of D on images. Miyato et al. normalise D spectrally
    (``sn``) and step it five times a round.

    Known to fix: nothing about modes is claimed; it is the common loss of large image GANs.
    Source: Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, equations 16 and 17.
    """

    equilibrium = {"D": 2.0, "G": 0.0}

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        real, fake = nets.D(batch.x), nets.D(self.sample(nets, batch.z))
        return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return -nets.D(self.sample(nets, batch.z)).mean()
