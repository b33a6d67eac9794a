"""Variational autoencoder: Kingma & Welling, ICLR 2014, arXiv:1312.6114."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn

from zoo.game import Batch, Nets, Player
from zoo.variant import Kit, Opt, Variant, register


@register("vae", family="not a GAN, for comparison")
@dataclass(frozen=True)
class VAE(Variant):
    """An encoder E and a decoder G raise a bound on the likelihood of the data: no adversary, so nothing to collapse onto.

        L_E,G = E |x - G(z)|^2 / 2 sigma^2 + E KL(N(mu, s^2) || N(0, I)),    (mu, log s) = E(x),  z = mu + s eps

    sigma is the width of the decoder's Gaussian, in the data's units. Samples are the decoder's means, without noise of that width.

    Known to fix: missing modes, which a likelihood punishes without bound; at the price of samples between the modes.
    Source: Kingma & Welling 2014, arXiv:1312.6114, equation 10 and appendix C.2 (Gaussian decoder of fixed width).
    """

    sigma: Annotated[float, Opt("width of the decoder's Gaussian, in the data's units", above=0, source="ours")] = 0.1

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"E": kit.discriminator(2 * kit.latent), "G": kit.generator()}

    @property
    def normal_latent(self) -> bool:
        return True

    def players(self) -> tuple[Player, ...]:
        return (Player("G", owns="E G", loss=self.bound),)

    def bound(self, nets: Nets, batch: Batch) -> Tensor:
        """The negative evidence lower bound of ``batch.x``, in nats per sample, up to a constant."""
        mu, log_s = nets.E(batch.x).chunk(2, dim=-1)
        error = (batch.x - nets.G(mu + log_s.exp() * batch.z)).square().flatten(1).sum(1)
        kl = 0.5 * (mu.square() + (2 * log_s).exp() - 1 - 2 * log_s).sum(1)
        return (error / (2 * self.sigma**2) + kl).mean()
