"""Dropout: Hinton, Srivastava, Krizhevsky, Sutskever & Salakhutdinov 2012, arXiv:1207.0580, in a GAN's discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn

from zoo import losses
from zoo.game import Batch, Nets
from zoo.nets.layers import Dropped
from zoo.variant import Kit, Opt, register
from zoo.variants.ns import NonSaturating


@register("dropout", family="regularisers against collapse")
@dataclass(frozen=True)
class Dropout(NonSaturating):
    """D judges with a random part of its hidden units, anew for every sample, so that it cannot learn the training set by heart.

        D~(x) = D(x) with each hidden unit 0 with probability p, else divided by 1 - p;   losses are those of ``ns`` on D~

    Dropout follows each of D's activations (a kit where some are within residual blocks is refused), in D's turn and in G's, with masks of
    their own for real and fake. We differ: a sample's masks come from 16 uniform numbers (a loss draws none itself), which makes them
    pairwise, not fully, independent over units.

    Known to fix: a D that knows its training set by heart; nothing about modes is claimed.
    Source: Hinton et al. 2012, arXiv:1207.0580, section 1 (p = .5); in D, as the tutorials have it.
    """

    p: Annotated[float, Opt("share of D's hidden units that are dropped", 0, 0.99, source="the tutorial: .3")] = 0.3

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "D": Dropped(kit.discriminator(), self.p, kit.shape)}

    def uniforms(self, kit: Kit) -> int:
        return 2 * Dropped.DIGITS

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        u, v = batch.u.chunk(2, dim=1)
        return losses.real(nets.D(batch.x, u)) + losses.fake(nets.D(self.sample(nets, batch.z), v))

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D(self.sample(nets, batch.z), batch.u[:, : Dropped.DIGITS]))
