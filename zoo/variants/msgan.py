"""MSGAN: Mao, Lee, Tseng, Ma & Yang, CVPR 2019, arXiv:1903.05628."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from zoo.game import Batch, Nets
from zoo.variant import Opt, register
from zoo.variants.ns import NonSaturating


@register("msgan", family="regularisers against collapse")
@dataclass(frozen=True)
class MSGAN(NonSaturating):
    """Mode seeking: latents that are far apart must give samples that are far apart.

        L_G = -E log D(G(z)) + lam / (E |G(z_1) - G(z_2)|_1 / E |z_1 - z_2|_1 + 1e-5),    means over samples and elements

    The released code draws two latents per sample, trains on both, and takes the ratio of the two means (the paper: of each pair, a ratio to be
    maximised; its reciprocal is minimised in the code, as here). There both latents of a pair go with one class, which G and D are told (the paper's
    condition c); here there is none. Here the pairs are the two halves of the batch, so that a batch counts as many samples as any other
    variant's. D's loss is that of ``ns``. The released code adds its term, with weight 1, to the sum of the two halves' losses of G. Here G's loss
    is their mean, so a weight of 0.5 is the same balance: half of that loss, by which Adam moves alike.

    Known to fix: a generator that ignores its latent, in conditional GANs above all.
    Source: Mao et al. 2019, arXiv:1903.05628, equations 2 and 4; HelenMao/MSGAN, DCGAN-Mode-Seeking/model.py.
    """

    equilibrium = {"D": 2 * math.log(2)}

    lam: Annotated[
        float, Opt("weight of the mode-seeking term", 0, source="the released code: 1 beside twice this loss of G")
    ] = 0.5

    @property
    def smallest_batch(self) -> int:
        return 2  # a pair

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        half = len(batch.z) // 2
        x, z = self.sample(nets, batch.z), batch.z
        spread = (x[:half] - x[half : 2 * half]).abs().mean() / (z[:half] - z[half : 2 * half]).abs().mean()
        return super().g_loss(nets, batch) + self.lam / (spread + 1e-5)
