"""MGAN: Hoang, Nguyen, Le & Phung, ICLR 2018, arXiv:1708.02556."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from zoo import losses
from zoo.game import Batch, Nets
from zoo.nets.layers import Branches, Each, collect, deal, one_hot
from zoo.variant import GAN, Kit, Opt, register


@register("mgan", family="structure")
@dataclass(frozen=True)
class MGAN(GAN):
    """A mixture of n generators, and a classifier beside D from which each of them must be told apart.

        L_D = -E log D(x) - E log(1 - D(G_k(z))) - E log C_k(G_k(z))
        L_G = -E log D(G_k(z)) - beta E log C_k(G_k(z)),       k the generator that made the sample

    D and the classifier C share all layers but the last; the generators share all but the first (here: a layer of 128 ReLU units each, before
    the kit's generator). The batch's latents are dealt out, so sample i is generator i mod n's (the released program gives every generator
    the same ones, and D's step those of G's). C weighs 1 in L_D, as in that code; by the paper's equation 2 (from memory) it is beta there
    too. MAD-GAN's generators fool one (n + 1)-way D; here they please the classifier too.

    Known to fix: missing modes: each generator is driven to modes of its own.
    Source: Hoang et al. 2018, arXiv:1708.02556, equation 2; qhoangdl/MGAN, models.py, whose losses these are.
    """

    n: Annotated[
        int, Opt("generators", 2, 64, source="Hoang et al. 2018, the ring: 8; the released program: 10, its class: 4")
    ] = 8
    beta: Annotated[
        float,
        Opt(
            "weight of the classifier in G's loss",
            0,
            source="Hoang et al. 2018, the ring, from memory: 0.125; the released program: 0.01, its class: 1",
        ),
    ] = 0.125

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        first = Branches(nn.Sequential(kit.linear(kit.latent, 128), nn.ReLU()) for _ in range(self.n))
        return {"G": nn.Sequential(first, Each(kit.generator(128))), "D": kit.discriminator(1 + self.n)}

    def sample(self, nets: Nets, z: Tensor) -> Tensor:
        return collect(nets.G(deal(z, self.n)), z.shape[0])

    def origin(self, n: int) -> Tensor:
        return torch.arange(n) % self.n

    def judged(self, nets: Nets, batch: Batch) -> tuple[Tensor, Tensor]:
        """D's logits of samples ``[B, 1]``, and -E log C_k of them."""
        logits = nets.D(self.sample(nets, batch.z))
        log_C = torch.log_softmax(logits[:, 1:], dim=1)
        right = one_hot(torch.arange(len(logits), device=logits.device) % self.n, self.n)
        return logits[:, :1], -(log_C * right).sum(1).mean()

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        fake, confusion = self.judged(nets, batch)
        return losses.real(nets.D(batch.x)[:, :1]) + losses.fake(fake) + confusion

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        fake, confusion = self.judged(nets, batch)
        return losses.real(fake) + self.beta * confusion
