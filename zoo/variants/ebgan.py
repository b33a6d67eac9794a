"""EBGAN with the pulling-away term: Zhao, Mathieu & LeCun, ICLR 2017, arXiv:1609.03126."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from zoo.game import Batch, Nets
from zoo.nets.layers import WithFeatures
from zoo.variant import GAN, Kit, Opt, register


@register("ebgan", family="regularisers against collapse")
@dataclass(frozen=True)
class EBGAN(GAN):
    """D is an autoencoder, and its error is an energy: low on data, at least a margin on samples; codes of samples repel each other.

        D(x) = |Dec(Enc(x)) - x|
        L_D = E D(x) + E max(0, margin - D(G(z))),    L_G = E D(G(z)) + pt PT(Enc(G(z)))
        PT(S) = 1 / (N (N - 1)) sum_{i != j} cos(S_i, S_j)^2

    |.| is the Euclidean norm over a sample's elements. With pt = 0 this is EBGAN without the term. A code as wide as the data lets D copy
    everything, and the margin alone then shapes it. Enc is a discriminator of the kit with ``code`` outputs, Dec its generator, code in place of z;
    in the paper's nets for MNIST Dec is a single layer.

    Known to fix: samples of a batch that are alike (the pulling-away term).
    Source: Zhao et al. 2017, arXiv:1609.03126, equations 1 and 2, sections 2.3 (D) and 2.4 (PT).
    """

    margin: Annotated[float, Opt("energy that samples should have", above=0, source="ours; the paper's MNIST: 10")] = (
        1.0
    )
    pt: Annotated[float, Opt("weight of the pulling-away term", 0, source="Zhao et al. 2017, appendix F: 0.1")] = 0.1
    code: Annotated[int, Opt("width of D's code", 1, source="ours")] = 16

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "D": WithFeatures(kit.discriminator(self.code), kit.generator(self.code))}

    @property
    def smallest_batch(self) -> int:
        return 2  # the term compares samples

    def energy(self, nets: Nets, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes ``[B, code]`` and energies ``[B]``."""
        codes, again = nets.D(x)
        return codes, (again - x).flatten(1).norm(dim=1)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        real, fake = (self.energy(nets, x)[1] for x in (batch.x, self.sample(nets, batch.z)))
        return real.mean() + torch.relu(self.margin - fake).mean()

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        codes, energy = self.energy(nets, self.sample(nets, batch.z))
        S, N = normalize(codes, dim=1), len(codes)
        alike = (S @ S.T).square() * (1 - torch.eye(N, dtype=S.dtype, device=S.device))
        return energy.mean() + self.pt * alike.sum() / (N * (N - 1))
