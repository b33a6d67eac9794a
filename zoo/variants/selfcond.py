"""Self-conditioned GAN: Liu, Wang, Bau, Zhu & Torralba, CVPR 2020, arXiv:2006.10728."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from zoo import losses
from zoo.game import Batch, Nets, Player
from zoo.nets.layers import Clusters, WithFeatures, one_hot
from zoo.variant import GAN, Kit, Opt, register

GOLDEN = 0.6180339887498949


@register("self-conditioned", family="structure")
@dataclass(frozen=True)
class SelfConditioned(GAN):
    """A class-conditional GAN without classes: they are clusters of the data in D's own features, and G must serve every one of them.

        y(x) = the centre c_j nearest to D's features phi(x)
        L_D = -E log D(x, y) - E log(1 - D(G(z, y), y)),    L_G = -E log D(G(z, y), y),       y those of the real batch
        L_C = E_x min_j |phi(x) - c_j|^2 + E_j min_x |phi(x) - c_j|^2 - E log softmax(s)_{y(x)}

    D has a logit per cluster; G sees y one-hot beside z (the authors': a learned embedding on the unit sphere). **We differ**: the authors run
    k-means on a sample of the data, first before training and then every so many iterations (5,000 in 2-D), in features of D as it is then, label
    batches by that D until the next time, and match the new clusters to the old; here the centres c are a player that follows the features on every
    batch, from N(0, 1) on, and its second term keeps a centre that nothing is near from being forgotten (there it is to start again at
    a random point). s learns the clusters' shares; a batch of samples is shared out by them, in a fixed order, so that samples depend on z and
    weights alone.

    Known to fix: missing modes without labels: the ring, the grid and Stacked MNIST in the paper.
    Source: Liu et al. 2020, arXiv:2006.10728, section 3; stevliu/self-conditioned-gan.
    """

    k: Annotated[int, Opt("clusters", 2, 1000, source="Liu et al. 2020: 100 on images; the released 2-D code: 50")] = 50

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {
            "G": kit.generator(kit.latent + self.k),
            "D": WithFeatures(kit.trunk(), kit.linear(kit.features, self.k)),
            "C": Clusters(self.k, kit.features),
        }

    def players(self) -> tuple[Player, ...]:
        return *super().players(), Player("C", owns="C", loss=self.c_loss)

    def distances(self, nets: Nets, batch: Batch) -> Tensor:
        """|phi(x) - c_j|^2, ``[B, k]``; D is not moved by it."""
        centres, phi = nets.C()[0], nets.D(batch.x)[0].detach()
        return (phi[:, None] - centres).square().sum(-1)

    def classes(self, nets: Nets, batch: Batch) -> Tensor:
        """The real batch's clusters, one-hot ``[B, k]``."""
        return one_hot(self.distances(nets, batch).argmin(1), self.k).to(batch.x.dtype)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        y = self.classes(nets, batch)
        real, fake = ((nets.D(x)[1] * y).sum(1) for x in (batch.x, nets.G(torch.cat([batch.z, y], dim=1))))
        return losses.real(real) + losses.fake(fake)

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        y = self.classes(nets, batch)
        return losses.real((nets.D(nets.G(torch.cat([batch.z, y], dim=1)))[1] * y).sum(1))

    def c_loss(self, nets: Nets, batch: Batch) -> Tensor:
        d, shares = self.distances(nets, batch), nets.C()[1]
        return (
            d.amin(1).mean()
            + d.amin(0).mean()
            - (torch.log_softmax(shares, 0) * self.classes(nets, batch)).sum(1).mean()
        )

    def sample(self, nets: Nets, z: Tensor) -> Tensor:
        """Sample i is of the cluster at quantile frac(i / golden ratio) of the shares."""
        quantile = torch.arange(z.shape[0], dtype=torch.float64, device=z.device) * GOLDEN % 1
        upto = torch.softmax(nets.C()[1], 0).cumsum(0)[:-1]
        y = (quantile[:, None] >= upto).sum(1)
        return nets.G(torch.cat([z, one_hot(y, self.k).to(z.dtype)], dim=1))
