"""MRGAN: Che, Li, Jacob, Bengio & Li, ICLR 2017, arXiv:1612.02136.

regularise:  every real x has a latent E(x) with G(E(x)) near x, and D takes G(E(x)) for real: so G covers every mode of the data
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn

from zoo import losses
from zoo.game import Batch, Nets, Player
from zoo.variant import Kit, Opt, register
from zoo.variants.ns import NonSaturating


@register("mrgan", family="regularisers against collapse")
@dataclass(frozen=True)
class MRGAN(NonSaturating):
    """An encoder E ties every real sample to a latent, so that G cannot forget a mode of the data.

        L_D = -E log D(x) - E log(1 - D(G(z)))
        L_G,E = -E log D(G(z)) + E [lambda1 d(x, G(E(x))) - lambda2 log D(G(E(x)))],    d the squared distance (mean over elements)

    **The sign**: the paper prints + lambda2 log D(G(E(x))) in a loss to be minimised, which would drive D(G(E(x))) to 0 and G(E(x)) away
    from what D takes for real. Its text wants the opposite, that E and G visit the data's modes. We **maximise** log D(G(E(x))).
    G and E are one player: E stands in the regulariser only, so this is the paper's pair of losses.

    The defaults are quoted from a port (hannesdm/The-Bures-Metric-for-Generative-Adversarial-Networks, lib/gans.py, MDGANv1), whose distance is a
    sum over the batch, and over an image's rows and columns, of means over the last axis: beside lambda2 it weighs at least a batch's size
    times what it weighs here. There E and G step one after the other, each by an Adam of its own. Another port (wiseodd/generative-models) sums
    over elements, not over the batch, and takes .01 for both weights. Both push D(G(E(x))) down: the second by log D as printed, the first by
    -log(1 - D).

    ``diffusion`` is MDGAN, the paper's manifold-diffusion form, with two discriminators (its weights here are those of the
    regularised form; in the first port the distance is summed over elements and weighs 1, and -log D_M 0.01: of two elements
    ``--lambda1 2 --lambda2 0.01``; and one Adam moves G in both steps, where each step here keeps moments of its own):

        D_M:  x real, G(E(x)) fake         G, E:  lambda1 d(x, G(E(x))) - lambda2 log D_M(G(E(x)))       the manifold step
        D_D:  G(E(x)) real, G(z) fake      G:     -log D_D(G(z))                                         the diffusion step

    Known to fix: missing modes, counted in the paper on MNIST and (from memory) on three digits on one canvas.
    Source: Che et al. 2017, arXiv:1612.02136, sections 3.1 to 3.3.
    """

    equilibrium = {"D": 2 * math.log(2)}

    lambda1: Annotated[
        float,
        Opt(
            "weight of the distance from x to G(E(x))",
            0,
            source="Che et al. 2017, section 4.1.1, as a port quotes it: 0.2",
        ),
    ] = 0.2
    lambda2: Annotated[
        float, Opt("weight of -log D(G(E(x)))", 0, source="Che et al. 2017, section 4.1.1, as a port quotes it: 0.4")
    ] = 0.4
    diffusion: Annotated[bool, Opt("the manifold-diffusion form with two discriminators")] = False

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        judges = ("D_M", "D_D") if self.diffusion else ("D",)
        return {"G": kit.generator(), "E": kit.discriminator(kit.latent)} | {d: kit.discriminator() for d in judges}

    def players(self) -> tuple[Player, ...]:
        if not self.diffusion:
            return self.discriminator, Player("G", owns="G E", loss=self.g_loss)
        return (
            Player("D_M", owns="D_M", loss=self.d_manifold),
            Player("manifold", owns="G E", loss=lambda nets, batch: self.regulariser(nets, batch, nets.D_M)),
            Player("D_D", owns="D_D", loss=self.d_diffusion),
            Player("diffusion", owns="G", loss=lambda nets, batch: losses.real(nets.D_D(nets.G(batch.z)))),
        )

    def regulariser(self, nets: Nets, batch: Batch, D: Callable[[Tensor], Tensor]) -> Tensor:
        """lambda1 d(x, G(E(x))) - lambda2 log D(G(E(x)))."""
        again = nets.G(nets.E(batch.x))
        return self.lambda1 * losses.squared_distance(batch.x, again) + self.lambda2 * losses.real(D(again))

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return super().g_loss(nets, batch) + self.regulariser(nets, batch, nets.D)

    def diagnostics(self, nets: Nets, batch: Batch) -> dict[str, Tensor]:
        """None of the diffusion form: neither of its discriminators tells real from G(z)."""
        return {} if self.diffusion else super().diagnostics(nets, batch)

    def d_manifold(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D_M(batch.x)) + losses.fake(nets.D_M(nets.G(nets.E(batch.x))))

    def d_diffusion(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D_D(nets.G(nets.E(batch.x)))) + losses.fake(nets.D_D(nets.G(batch.z)))
