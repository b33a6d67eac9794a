"""Flow matching: Lipman et al., ICLR 2023, arXiv:2210.02747 (the optimal-transport path, also Liu et al. 2022, arXiv:2209.03003)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from zoo.game import Batch, Nets, Player
from zoo.variant import Kit, Opt, Variant, register


@register("flow-matching", family="not a GAN, for comparison")
@dataclass(frozen=True)
class FlowMatching(Variant):
    """A velocity field carries noise to data along straight lines, learnt by regression: no adversary, so nothing to collapse onto.

        L = E |v(x_t, t) - (x - z)|^2,    x_t = (1 - t) z + t x,  z ~ N(0, I),  t ~ U(0, 1);    samples: dx_t/dt = v(x_t, t) from z

    G(x_t, t) says where the line ends, so v = (G(x_t, t) - x_t) / (1 - t) and the kit's generator (its range, its scale) serves as it is (the
    authors' nets give v itself); t stays below 1 - ``floor``. The loss is the mean over the data's elements. Noise has the data's dimensions,
    whatever the recipe's ``latent``. Samples take ``steps`` steps of the midpoint rule and one to the line's end; the paper's solver is adaptive
    (dopri5).

    Known to fix: missing modes, since regression on every data point has no equilibrium to miss.
    Source: Lipman et al. 2023, arXiv:2210.02747, equations 20 to 23 with sigma_min = 0.
    """

    steps: Annotated[int, Opt("steps of the midpoint rule for a sample", 1, 1000, source="ours")] = 20
    floor: Annotated[float, Opt("least 1 - t", at_most=1, above=0, source="ours")] = 0.02

    def latent(self, kit: Kit) -> int:
        return math.prod(kit.shape)

    @property
    def normal_latent(self) -> bool:
        return True

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(self.latent(kit) + 1)}

    def players(self) -> tuple[Player, ...]:
        return (Player("G", owns="G", loss=self.loss),)

    def end(self, nets: Nets, x: Tensor, t: Tensor) -> Tensor:
        """Where the line through ``x [B, d]`` at ``t [B, 1]`` ends: ``[B, *data]``."""
        found: Tensor = nets.G(torch.cat([x, t], dim=1))
        return found

    def velocity(self, nets: Nets, x: Tensor, t: Tensor) -> Tensor:
        """v(x, t) ``[B, d]``."""
        return (self.end(nets, x, t).flatten(1) - x) / (1 - t).clamp(min=self.floor)

    def loss(self, nets: Nets, batch: Batch) -> Tensor:
        """E |v(x_t, t) - (x - z)|^2 per element."""
        x, z, t = batch.x.flatten(1), batch.z, batch.u[:, :1] * (1 - self.floor)
        return (self.velocity(nets, (1 - t) * z + t * x, t) - (x - z)).square().mean()

    def sample(self, nets: Nets, z: Tensor) -> Tensor:
        x, h, t = z, 1 / (self.steps + 1), torch.zeros_like(z[:, :1])
        for _ in range(self.steps):
            x = x + h * self.velocity(nets, x + h / 2 * self.velocity(nets, x, t), t + h / 2)
            t = t + h
        return self.end(nets, x, t)
