"""BiGAN: Donahue, Krahenbuhl & Darrell, ICLR 2017, arXiv:1605.09782; ALI: Dumoulin et al., ICLR 2017, arXiv:1606.00704."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from zoo import losses
from zoo.game import Batch, Nets, Player
from zoo.nets.layers import Joint
from zoo.variant import GAN, Kit, register


@register("bigan", family="structure")
@dataclass(frozen=True)
class BiGAN(GAN):
    """D judges pairs of sample and latent: (x, E(x)) against (G(z), z); where it cannot tell, E inverts G.

        L_D = -E log D(x, E(x)) - E log(1 - D(G(z), z)),    L_G,E = -E log(1 - D(x, E(x))) - E log D(G(z), z)

    G and E are one player; its loss is the one with labels swapped that both papers train with instead of -L_D. E is deterministic (BiGAN's; ALI
    draws from N(mu(x), sigma(x)), and on its mixture E reads noise beside x). We differ: both papers move D, G and E at once, on one batch; here D
    moves first, then G and E. D reads x through the kit's trunk before z joins, for one more hidden layer; BiGAN's adds a linear map of z to
    every layer, and the D of ALI's mixture reads both from its first.

    Known to fix: nothing about modes is claimed; E infers latents. In others' tables (Lin et al. 2018) it covers more than a plain GAN.
    Source: Donahue et al. 2017, arXiv:1605.09782, equations 2 and 3, sections 3.4 and 4; Dumoulin et al. 2017, arXiv:1606.00704, Algorithm 1.
    """

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "E": kit.discriminator(kit.latent), "D": Joint(kit)}

    @property
    def generator(self) -> Player:
        return Player("G", owns="G E", loss=self.g_loss)

    def judged(self, nets: Nets, batch: Batch) -> tuple[Tensor, Tensor]:
        """D's logits of (x, E(x)) and of (G(z), z)."""
        return nets.D(batch.x, nets.E(batch.x)), nets.D(nets.G(batch.z), batch.z)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        encoded, generated = self.judged(nets, batch)
        return losses.real(encoded) + losses.fake(generated)

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        encoded, generated = self.judged(nets, batch)
        return losses.fake(encoded) + losses.real(generated)
