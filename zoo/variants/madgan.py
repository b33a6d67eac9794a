"""MAD-GAN: Ghosh, Kulharia, Namboodiri, Torr & Dokania, CVPR 2018, arXiv:1704.02906.

D is a softmax over n + 1 classes: 0 is real, i is generator i.
D:    maximise  E log D_0(x) + sum_i E log D_i(G_i(z))
G_i:  maximise  E log D_0(G_i(z))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from zoo import losses
from zoo.game import Batch, Nets, Player
from zoo.nets.layers import Branches, Each, WithFeatures, collect, deal
from zoo.variant import GAN, Kit, Opt, register


@register("madgan", family="structure")
@dataclass(frozen=True)
class MADGAN(GAN):
    """n generators; D must tell not only real from fake but which generator, which drives the generators apart.

        L_D = [-E log D_0(x) - sum_i E log D_i(G_i(z))] / (n + 1),    L_G = -1/n sum_i E log D_0(G_i(z))

    D is a softmax over n + 1 classes, class 0 real (the paper counts real last). Every generator sees the same z, as in the 1-D code; ``own_z``
    deals the batch's latents out instead, B / n to each (the image code draws each generator a batch of its own). The generators share all layers
    but the last, as in ``madgan.py``; of five layers the image code shares three (``heads_classify_gen_n_alter.lua``) or none
    (``classify_gen_n_alter.lua``), which is ``--no-shared``. But ``--own-z --no-shared`` is not all of the image code: for each generator's batch
    D sees another real one there, L_D = n CE(real) + sum_i CE(fake_i), so that D_0 comes to 1/2 where all are alike, not to 1 / (n + 1) as here,
    in ``madgan.py`` and in the paper; and the first layer of its generators is moved by the last one's latents instead of their own, by
    an oversight. Sample i comes from generator i mod n.
    One player moves all generators: their losses are separate sums, so that is the same.

    ``similarity`` is MAD-GAN-Sim (the paper's appendix). D has one logit, and each generator must convince D better than the others do, by a
    margin of how alike their samples are in D's features phi:

        L_D = -E log D(x) - 1/n sum_i E log(1 - D(G_i(z)))
        L_G = 1/n sum_i E [-log D(G_i) + lam max(0, 1/(n-1) sum_{j != i} (D(G_j) + cos(phi(G_i), phi(G_j)) - D(G_i)))]

    What j makes is constant in i's term, or j would be moved to please D less. The released code (``compete_avg_gen_n_alter.lua``) holds all of
    the margin constant and adds lam to the gradient that D(G_i) gets wherever it is positive: that is the term's slope by D(G_i) with its sign
    turned, so that its generators are moved to convince D less. Here the term is differentiated as it is written.

    Known to fix: missing modes: each generator is driven to modes of its own.
    Source: Ghosh et al. 2018, arXiv:1704.02906, section 3; the authors' 1-D code vivkul/MAD-GAN_synthetic (``madgan.py``, all layers but the
    last shared; ``madgan_ind.py``, all but the first) and the first author's code for images, arnabgho/dcgan.torch. The non-saturating L_G is
    the code's; the paper's text minimises log(1 - D_0(G_i)).
    """

    n: Annotated[
        int, Opt("generators", 2, 64, source="Ghosh et al. 2018: 4 in 1-D; from memory, 3 on Stacked MNIST")
    ] = 4
    own_z: Annotated[
        bool, Opt("each generator has latents of its own", source="shared in the 1-D code, own in that for images")
    ] = False
    shared: Annotated[bool, Opt("generators share all layers but the last", source="the released madgan.py")] = True
    similarity: Annotated[bool, Opt("the cosine-regularised form")] = False
    lam: Annotated[float, Opt("weight of the similarity term", 0, source="arnabgho/dcgan.torch")] = 1e-4

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        if self.shared:
            G: nn.Module = nn.Sequential(
                Each(kit.generator_trunk()), Branches(kit.generator_head() for _ in range(self.n))
            )
        else:
            G = Branches(kit.generator() for _ in range(self.n))
        return {"G": G, "D": WithFeatures(kit.trunk(), kit.linear(kit.features, 1 if self.similarity else self.n + 1))}

    def players(self) -> tuple[Player, ...]:
        d, g = (self.similar_d_loss, self.similar_g_loss) if self.similarity else (self.d_loss, self.g_loss)
        return Player("D", owns="D", loss=d), Player("G", owns="G", loss=g)

    def sample(self, nets: Nets, z: Tensor) -> Tensor:
        return collect(nets.G(deal(z, self.n)), z.shape[0])

    def origin(self, n: int) -> Tensor:
        return torch.arange(n) % self.n

    def judged(self, nets: Nets, batch: Batch) -> tuple[Tensor, Tensor]:
        """D's features ``[n, B, F]`` and logits ``[n, B, classes]`` of what each generator makes."""
        fakes = nets.G(deal(batch.z, self.n) if self.own_z else batch.z[None])
        features, logits = nets.D(fakes.flatten(0, 1))
        return features.unflatten(0, fakes.shape[:2]), logits.unflatten(0, fakes.shape[:2])

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        """The cross-entropy of D over n + 1 classes of equal weight."""
        fakes = self.judged(nets, batch)[1]
        by_class = [losses.class_is(nets.D(batch.x)[1], 0), *(losses.class_is(fakes[i], i + 1) for i in range(self.n))]
        return torch.stack(by_class).mean()

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        """-log D_0(G_i(z)), averaged over generators."""
        return losses.class_is(self.judged(nets, batch)[1], 0)

    def similar_d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D(batch.x)[1]) + losses.fake(self.judged(nets, batch)[1])

    def similar_g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        features, logits = self.judged(nets, batch)
        D = logits[..., 0].sigmoid()  # [n, B]
        alike = cosine_similarity(features[:, None], features[None].detach(), dim=-1)  # [n, n, B]
        others = 1 - torch.eye(self.n, dtype=D.dtype, device=D.device)[..., None]
        margin = ((D[None].detach() + alike - D[:, None]) * others).sum(1) / (self.n - 1)
        return losses.real(logits) + self.lam * torch.relu(margin).mean()
