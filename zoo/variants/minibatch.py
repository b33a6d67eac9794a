"""Minibatch discrimination: Salimans, Goodfellow, Zaremba, Cheung, Radford & Chen, NeurIPS 2016, arXiv:1606.03498."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn

from zoo.nets.layers import MinibatchDiscrimination
from zoo.variant import Kit, Opt, register
from zoo.variants.ns import NonSaturating


@register("minibatch", family="structure")
@dataclass(frozen=True)
class Minibatch(NonSaturating):
    """D sees how alike the samples of a batch are, and so rejects a collapsed one.

        M_i = f(x_i) T,   c_b(i, j) = exp(-|M_ib - M_jb|_1),   o_b(x_i) = sum_{j != i} c_b(i, j),   D reads [f(x_i), o(x_i)]

    with T of ``kernels`` (the paper's B) times ``dim`` (C) columns per feature. Real and fake batches go through D separately, and the sum
    leaves out the sample itself, as in the released code (the paper's sum over all j is larger by exactly 1). Losses are those of ``ns``; in the
    released programs, which learn from labels too, D tells ten classes, G lowers log(1 - D) and has three turns to D's one.
    T has weight normalisation, o a bias, and both start from a batch of real samples, as there: at distances of order 1, with o around 0.
    We differ: fewer and smaller kernels by default, since every pair of samples costs kernels x dim operations in each pass.

    Known to fix: a generator that makes one point (Salimans et al. 2016, section 3.2).
    Source: Salimans et al. 2016, arXiv:1606.03498, section 3.2; openai/improved-gan, nn.py, MinibatchLayer.
    """

    kernels: Annotated[
        int, Opt("kernels, the paper's B", 1, 1000, source="Salimans et al. 2016: 100; fewer for speed")
    ] = 8
    dim: Annotated[
        int, Opt("dimensions of a kernel, the paper's C", 1, 100, source="ours; Salimans et al. 2016: 5")
    ] = 4

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        closeness = MinibatchDiscrimination(kit.features, self.kernels, self.dim)
        return {
            "G": kit.generator(),
            "D": nn.Sequential(kit.trunk(), closeness, kit.linear(kit.features + self.kernels, 1)),
        }

    def begin(self, nets: Mapping[str, nn.Module], x: Tensor) -> None:
        trunk, closeness, _ = nets["D"].children()
        assert isinstance(closeness, MinibatchDiscrimination)
        closeness.start(trunk(x))
