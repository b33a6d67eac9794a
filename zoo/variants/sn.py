"""SN-GAN: Miyato, Kataoka, Koyama & Yoshida, ICLR 2018, arXiv:1802.05957."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import nn

from zoo.nets.layers import spectrally_normalised
from zoo.variant import Kit, Opt, register
from zoo.variants.ns import NonSaturating


@register("sn", family="Lipschitz and penalties")
@dataclass(frozen=True)
class SN(NonSaturating):
    """Every weight matrix of D is divided by its largest singular value, which bounds D's slope by 1 per linear layer.

        W_SN = W / sigma(W),   sigma(W) = u^T W v,   u and v from power iteration, held fixed in the gradient

    Losses are those of ``ns`` (the released configurations, pfnet-research/sngan_projection, have ``hinge``'s). A convolution's W is its kernel
    as a matrix [out, in x h x w], whose norm does not bound the layer's slope by 1 (a 5 x 5 kernel's can be 5 times as large), though the paper
    takes it so. We differ: the paper carries u from step to step and iterates once; here the iteration starts afresh from a constant vector and
    takes ``n_power`` turns, so that D stays a pure function of its weights. sigma is then slightly below the largest singular value (a test
    bounds by how much).

    Known to fix: unbounded slopes of D, at little cost; more varied samples than with clipping or weight normalisation are claimed.
    Source: Miyato et al. 2018, arXiv:1802.05957, equations 8 and 10 and Algorithm 1.
    """

    n_power: Annotated[int, Opt("power iterations", 1, 100, source="ours; the paper: 1, from the last step's u")] = 10

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "D": spectrally_normalised(kit.discriminator(), self.n_power)}
