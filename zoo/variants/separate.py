"""The losses of Goodfellow et al. 2014, arXiv:1406.2661, as tutorials train them: one step on real images, then one on fake ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zoo import losses
from zoo.game import Batch, Nets, Player
from zoo.variant import register
from zoo.variants.ns import NonSaturating


@register("separate", family="loss")
@dataclass(frozen=True)
class Separate(NonSaturating):
    """D takes one step on real samples alone, then one on fakes alone, as many tutorials have it: not a step on their sum.

        L_D = -E log D(x) on D's even steps,   -E log(1 - D(G(z))) on its odd ones;   L_G = -E log D(G(z)) after both

    Which step it is, is read off D's own step count, so both share one Adam state (whose moments mix the two). The D loss that is reported is
    the mean of the two terms, half of what ``ns`` reports: its equilibrium is log 2.

    Known to fix: nothing; it is how many tutorials train D.
    Source: Goodfellow et al. 2014, arXiv:1406.2661, for the losses; the order of steps is that of the Keras-GAN collection's gan.py
    and of Rashid, Make Your First GAN With PyTorch (2020).
    """

    equilibrium = {"D": math.log(2), "G": math.log(2)}

    @property
    def discriminator(self) -> Player:
        return replace(super().discriminator, steps=2)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        odd = nets.state["D"]["D"]["t"] % 2 == 1
        logits = nets.D(torch.where(odd, self.sample(nets, batch.z), batch.x))
        return torch.where(odd, losses.fake(logits), losses.real(logits))
