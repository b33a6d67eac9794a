"""PacGAN: Lin, Khetan, Fanti & Oh, NeurIPS 2018, arXiv:1712.04086."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn

from zoo import losses
from zoo.game import Batch, Nets
from zoo.nets.layers import packed
from zoo.variant import GAN, Kit, Opt, register


@register("pacgan", family="structure")
@dataclass(frozen=True)
class PacGAN(GAN):
    """D judges packs of m samples at once, all real or all fake, so that it can see that a pack lacks variety.

        L_D = -E log D(x_1..x_m) - E log(1 - D(G(z_1)..G(z_m))),    L_G = -E log D(G(z_1)..G(z_m))

    A pack is m samples joined along their first axis (channels of images), and only D's first layer widens. We differ: the paper fills a batch
    of B packs with m B samples; here a batch of B samples makes B / m packs (what is left over is not judged), so that each
    variant sees equally many samples. For the paper's batch, multiply the recipe's by m. m = 1 is ``ns``. On points the released code moves D and G
    at once, on Stacked MNIST G twice after each step of D; here they take turns.

    Known to fix: missing modes: the ring, the grid and Stacked MNIST in the paper.
    Source: Lin et al. 2018, arXiv:1712.04086, section 2; fjxmlzn/PacGAN.
    """

    equilibrium = {"D": 2 * math.log(2), "G": math.log(2)}

    pack: Annotated[int, Opt("samples per pack, the paper's m", 1, 64, source="Lin et al. 2018: 2, 3 and 4")] = 2

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "D": kit.packed(self.pack).discriminator()}

    @property
    def smallest_batch(self) -> int:
        return self.pack

    def packs(self, x: Tensor) -> Tensor:
        """Samples ``[B, c, ...]`` as packs ``[B / m, m c, ...]``."""
        return packed(x, self.pack)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        real, fake = (nets.D(self.packs(x)) for x in (batch.x, self.sample(nets, batch.z)))
        return losses.real(real) + losses.fake(fake)

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D(self.packs(self.sample(nets, batch.z))))

    def diagnostics(self, nets: Nets, batch: Batch) -> dict[str, Tensor]:
        """Of packs."""
        return losses.discriminator_accuracy(
            *(nets.D(self.packs(x)).sigmoid() for x in (batch.x, self.sample(nets, batch.z)))
        )
