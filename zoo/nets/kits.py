"""The MLP kit for points, the conv kit for images, and what they are built of.

Normalisation, where a kit has it, always uses the statistics of the batch at hand (no running averages): the networks stay pure functions,
each seed keeps to its own batch, and sampling normalises over the batch that is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor, nn

from zoo.errors import unknown
from zoo.nets.base import BaseKit, normal
from zoo.nets.images import ImageKit, batch_norm, need_images

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
}


class Affine(nn.Module):
    """x * scale + shift with constants (buffers, never trained)."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


@dataclass(frozen=True)
class MLP(BaseKit):
    """Fully connected networks: ``depth`` hidden layers of ``width``, for points ``[B, d]`` or flattened images.

    ``depth_d``: hidden layers of the networks that read samples, if other than ``depth``.
    ``bounded``: the generator ends in tanh (data in [-1, 1]). ``norm``: batch normalisation in the generator's hidden layers.
    ``standard = (mean, std)``: networks see (x - mean) / std, and the generator's last layer undoes it.
    """

    width: int = 128
    depth: int = 2
    activation: str = "relu"
    bounded: bool = False
    norm: bool = False
    standard: tuple[Tensor, Tensor] | None = None
    depth_d: int = 0

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)

    @property
    def features(self) -> int:
        return self.width

    def packed(self, m: int) -> Self:
        standard = self.standard
        if standard and standard[0].dim():  # per coordinate; a scalar serves packs as it is
            standard = standard[0].repeat(m), standard[1].repeat(m)
        return replace(super().packed(m), standard=standard)

    def _hidden(self, inputs: int, depth: int, norm: bool) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for i in range(depth):
            layers.append(self.linear(inputs if i == 0 else self.width, self.width))
            layers += [nn.BatchNorm1d(self.width, track_running_stats=False)] if norm else []
            layers.append(ACTIVATIONS[self.activation]())
        return layers

    def generator_trunk(self, latent: int | None = None) -> nn.Module:
        return nn.Sequential(*self._hidden(latent or self.latent, self.depth, self.norm))

    def generator_head(self) -> nn.Module:
        layers = [self.linear(self.width, math.prod(self.shape))]
        layers += [nn.Tanh()] if self.bounded else []
        layers += [Affine(self.standard[1], self.standard[0])] if self.standard else []
        layers += [nn.Unflatten(1, self.shape)] if len(self.shape) > 1 else []
        return nn.Sequential(*layers)

    def trunk(self) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten(1)] if len(self.shape) > 1 else []
        layers += [Affine(1 / self.standard[1], -self.standard[0] / self.standard[1])] if self.standard else []
        return nn.Sequential(*layers, *self._hidden(math.prod(self.shape), self.depth_d or self.depth, norm=False))


@dataclass(frozen=True)
class Conv(ImageKit):
    """A small DCGAN (Radford et al. 2016, arXiv:1511.06434) for images ``[B, c, h, w]`` with h and w divisible by 4.

    G: latent -> (2 width, h/4, w/4) -> two stride-2 transposed convolutions -> tanh, with batch normalisation when ``norm``;
    D: two stride-2 convolutions of ``width`` and ``2 width`` -> leaky ReLU .2; no normalisation. Weights N(0, .02).
    """

    width: int = 32
    norm: bool = True

    def __post_init__(self) -> None:
        need_images("conv", self.shape, 4)

    @property
    def features(self) -> int:
        return 2 * self.width * (self.shape[1] // 4) * (self.shape[2] // 4)

    def _normed(self, channels: int) -> list[nn.Module]:
        return [batch_norm(channels)] if self.norm else []

    def generator_trunk(self, latent: int | None = None) -> nn.Module:
        channels, h, w = 2 * self.width, self.shape[1] // 4, self.shape[2] // 4
        return nn.Sequential(
            self.linear(latent or self.latent, channels * h * w),
            nn.Unflatten(1, (channels, h, w)),
            *self._normed(channels),
            nn.ReLU(),
            normal(nn.ConvTranspose2d(channels, self.width, 4, stride=2, padding=1)),
            *self._normed(self.width),
            nn.ReLU(),
        )

    def generator_head(self) -> nn.Module:
        return nn.Sequential(normal(nn.ConvTranspose2d(self.width, self.shape[0], 4, stride=2, padding=1)), nn.Tanh())

    def trunk(self) -> nn.Module:
        return nn.Sequential(
            normal(nn.Conv2d(self.shape[0], self.width, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            normal(nn.Conv2d(self.width, 2 * self.width, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            nn.Flatten(1),
        )
