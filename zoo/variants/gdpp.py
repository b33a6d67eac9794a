"""GDPP: Elfeki, Couprie, Riviere & Elhoseiny, ICML 2019, arXiv:1812.00802."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from zoo import losses
from zoo.game import Batch, Nets
from zoo.nets.layers import WithFeatures
from zoo.variant import GAN, Kit, Opt, register


@register("gdpp", family="regularisers against collapse")
@dataclass(frozen=True)
class GDPP(GAN):
    """The similarities within a fake batch should look like those within a real one, eigenvalue by eigenvalue, in D's features phi.

        S = phi phi^T (rows of phi of length 1) = sum_i lambda_i v_i v_i^T, for real and for fake
        L_G = 1/2 [-E log D(G(z)) + magnitude mean_i (lambda_i^f - lambda_i^r)^2 - sum_i w_i |v_i^f . v_i^r|]

    with w the real eigenvalues scaled to [0, 1]. D's loss is that of ``ns``. The half, the mean and the magnitude are the released code's; the
    paper's equations (from memory) sum the distances and weigh nothing. We differ in three points. The released mixture moves both players at
    once (its Stacked MNIST takes turns); here they take turns. It takes v . v with the sign that the solver happens to give; an eigenvector
    has none, so we take |v . v|. And the exact derivative of an eigenvector is infinite at equal eigenvalues (a batch larger than phi has many
    zeros); we take that of one step of shifted power iteration at v, v' = (S + I) v / |(S + I) v|, which is v itself (1 is the mean eigenvalue).

    Known to fix: missing modes: the ring, the grid and Stacked MNIST in the paper.
    Source: Elfeki et al. 2019, arXiv:1812.00802, equations 4 to 6; M-Elfeki/GDPP (GDPP_Loss_Tensorflow_Pytorch.py, gdppgan_Synthetic.py).
    """

    magnitude: Annotated[float, Opt("weight of the eigenvalues' distance", 0, source="the released code: 0.0001")] = (
        1e-4
    )

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "D": WithFeatures(kit.trunk(), kit.linear(kit.features, 1))}

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        return losses.real(nets.D(batch.x)[1]) + losses.fake(nets.D(self.sample(nets, batch.z))[1])

    @property
    def smallest_batch(self) -> int:
        return 2  # one sample has one eigenvalue, which cannot be scaled to [0, 1]

    def spectrum(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Eigenvalues ``[B]`` (ascending) and eigenvectors ``[B, B]`` (columns) of the features' similarities."""
        phi = normalize(features, dim=1)
        S = phi @ phi.T
        v = torch.linalg.eigh(S.detach())[1]
        Sv = S @ v
        return (v * Sv).sum(0), normalize(Sv + v, dim=0)

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        features, logits = nets.D(self.sample(nets, batch.z))
        fake, v_fake = self.spectrum(features)
        real, v_real = self.spectrum(nets.D(batch.x)[0])
        w = (real - real.min()) / (real.max() - real.min())
        structure = -(w * (v_fake * v_real).sum(0).abs()).sum()
        return 0.5 * (losses.real(logits) + self.magnitude * losses.squared_distance(fake, real) + structure)
