"""PresGAN: Dieng, Ruiz, Blei & Titsias 2019, arXiv:1910.04302.

x = G(z) + sigma eta has a density, so its entropy has a gradient:
grad H = -E grad_x log p(x) . dx,    grad_x log p(x) = -E_{z' | x} (x - G(z')) / sigma^2,    z' | x by Hamiltonian Monte Carlo
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.func import grad

from zoo import losses
from zoo.game import Batch, Nets, Player
from zoo.nets.layers import Scale
from zoo.variant import GAN, Kit, Opt, register


@register("presgan", family="structure")
@dataclass(frozen=True)
class PresGAN(GAN):
    """Noise on samples gives them a density, and G is rewarded for its entropy, estimated by a short chain from each sample's latent.

        L_D = -E log D(x + sigma eta) - E log(1 - D(x~)),     x~ = G(z) + sigma eta,    sigma = softplus(S), one per data element
        L_G,S = -E log D(x~) - lam E <c, x~>,     c = (x~ - E_{z' | x~} G(z')) / sigma^2, held fixed: lam's term has the entropy's gradient

    z' | x~ is drawn by ``burn_in`` + ``draws`` turns of Hamiltonian Monte Carlo of ``leapfrog`` steps that starts at z, as in the released
    code; samples are G(z), without the noise, as there. **Put right**: that code keeps G(z) out of the chain's gradient (``no_grad``), which
    leaves the prior's alone (the posterior still decides what is accepted, so that chain is not wrong, but walks blindly); here it is that of the
    posterior, as the paper has it. We differ: the step is a fixed multiple of the mean sigma
    (the code adapts it); the chain's momenta are the latents of other samples in the batch (normal and independent of the sample's own;
    latents must be N(0, 1), and a batch larger than the chain is long); sigma is not truncated (Algorithm 1 does, the code when told to), and
    there is one for each channel of a pixel, which share one there. G and S share a learning rate.

    Known to fix: missing modes, on a ring and Stacked MNIST in the paper; and samples get a density.
    Source: Dieng et al. 2019, arXiv:1910.04302, equations 8 to 12 and Algorithm 1; adjidieng/PresGANs, train.py and hmc.py.
    """

    lam: Annotated[float, Opt("weight of the entropy", 0, source="the released code: 0.01")] = 0.01
    sigma: Annotated[float, Opt("softplus^-1 of sigma at the start", -20, 20, source="the released code: -1")] = -1.0
    step: Annotated[float, Opt("step of the chain, in mean sigmas", above=0, source="ours")] = 0.3
    leapfrog: Annotated[int, Opt("leapfrog steps per turn", 1, 100, source="the released code: 5")] = 5
    burn_in: Annotated[int, Opt("turns of the chain that are dropped", 0, 100, source="the released code: 2")] = 2
    draws: Annotated[int, Opt("turns of the chain that are kept", 1, 100, source="the released code: 2")] = 2

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "S": Scale(kit.shape, self.sigma), "D": kit.discriminator()}

    def players(self) -> tuple[Player, ...]:
        return self.discriminator, Player("G", owns="G S", loss=self.g_loss)

    @property
    def smallest_batch(self) -> int:
        return self.burn_in + self.draws + 1  # each turn's momenta are another sample's latents

    @property
    def normal_latent(self) -> bool:
        return True

    def uniforms(self, kit: Kit) -> int:
        return math.prod(kit.shape) + self.burn_in + self.draws

    def noise(self, nets: Nets, batch: Batch) -> Tensor:
        """sigma eta, ``[B, *data]``."""
        return nets.S() * losses.normal(batch.u[:, self.burn_in + self.draws :]).reshape(batch.x.shape)

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        noise = self.noise(nets, batch)
        return losses.real(nets.D(batch.x + noise)) + losses.fake(nets.D(nets.G(batch.z) + noise))

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        x = nets.G(batch.z) + self.noise(nets, batch)
        fixed = nets.bind(G=nets.params["G"].detach(), S=nets.params["S"].detach())
        c = (x.detach() - self.explained(fixed, x.detach(), batch)) / fixed.S().square()
        return losses.real(nets.D(x)) - self.lam * (c * x).flatten(1).sum(1).mean()

    def explained(self, nets: Nets, x: Tensor, batch: Batch) -> Tensor:
        """E_{z' | x} G(z') ``[B, *data]``, from each sample's own chain."""
        z, kept = batch.z, []
        step = self.step * nets.S().mean()

        def energy(z: Tensor) -> Tensor:
            return 0.5 * (z.square().sum(1) + ((x - nets.G(z)) / nets.S()).square().flatten(1).sum(1))

        slope = grad(lambda z: energy(z).sum())
        for turn in range(self.burn_in + self.draws):
            start = batch.z.roll(turn + 1, 0)
            p, q = start - step / 2 * slope(z), z
            for i in range(self.leapfrog):
                q = q + step * p
                p = p - (step if i < self.leapfrog - 1 else step / 2) * slope(q)
            gain = energy(z) - energy(q) + 0.5 * (start.square().sum(1) - p.square().sum(1))
            z = torch.where((batch.u[:, turn].log() < gain)[:, None], q, z)
            kept.append(nets.G(z))
        return torch.stack(kept[self.burn_in :]).mean(0)
