"""Fully connected nets as they were published: the tutorials' for MNIST, PacGAN's for points, UnrolledGAN's for the ring. Their sizes are fixed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import nn

from zoo.nets.base import BaseKit, normal
from zoo.nets.kits import MLP, Affine
from zoo.nets.layers import Maxout

Layer: TypeAlias = Callable[[int, int], list[nn.Module]]
"""Inputs and outputs to a hidden layer: the linear map, and what follows it."""


@dataclass(frozen=True)
class Dense(BaseKit):
    """A generator and a discriminator of stated widths, for points or flattened images.

    ``layer_g`` and ``layer_d`` build a hidden layer; ``layer`` the last ones, then the generator's ``end`` and the discriminator's ``end_d``.
    ``unit``: the nets see images in [0, 1], the data (and samples) are in [-1, 1].
    """

    widths_g: tuple[int, ...]
    widths_d: tuple[int, ...]
    layer_g: Layer
    layer_d: Layer
    layer: Callable[[int, int], nn.Module] = nn.Linear
    end: Callable[[], nn.Module] = nn.Identity
    end_d: Callable[[], nn.Module] = nn.Identity
    unit: bool = False

    @property
    def features(self) -> int:
        return self.widths_d[-1]

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return self.layer(inputs, outputs)

    def generator_trunk(self, latent: int | None = None) -> nn.Module:
        sizes = (latent or self.latent, *self.widths_g)
        return nn.Sequential(*(m for a, b in pairwise(sizes) for m in self.layer_g(a, b)))

    def generator_head(self) -> nn.Module:
        layers = [self.linear(self.widths_g[-1], math.prod(self.shape)), self.end()]
        layers += [Affine(torch.tensor(2.0), torch.tensor(-1.0))] if self.unit else []
        return nn.Sequential(*layers, nn.Unflatten(1, self.shape))

    def trunk(self) -> nn.Module:
        start: list[nn.Module] = [Affine(torch.tensor(0.5), torch.tensor(0.5))] if self.unit else []
        sizes = (math.prod(self.shape), *self.widths_d)
        hidden = (m for a, b in pairwise(sizes) for m in self.layer_d(a, b))
        return nn.Sequential(*start, nn.Flatten(1), *hidden)

    def discriminator(self, out: int = 1) -> nn.Module:
        return nn.Sequential(*super().discriminator(out).children(), self.end_d())


def glorot(inputs: int, outputs: int) -> nn.Module:
    """Keras' own start: uniform by both sides (Glorot & Bengio 2010), biases 0."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def small(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    return normal(nn.Linear(inputs, outputs, bias=bias))


def layernorm_784(shape: tuple[int, ...], latent: int, end_d: Callable[[], nn.Module] = nn.Identity) -> Dense:
    """100 - 200 (leaky ReLU .02, layer normalisation) - 784 sigmoid against 784 - 200 (the same) - 1, on images in [0, 1]."""

    def layer(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Linear(inputs, outputs), nn.LeakyReLU(0.02), nn.LayerNorm(outputs)]

    return Dense(shape, latent, (200,), (200,), layer, layer, end=nn.Sigmoid, end_d=end_d, unit=True)


def keras_dense(shape: tuple[int, ...], latent: int) -> Dense:
    """100 - 256 - 512 - 1024 (leaky ReLU .2, then batch normalisation) - tanh against 784 - 512 - 256 (leaky ReLU .2) - 1.

    Batch normalisation uses the batch at hand also when sampling, where Keras' keeps averages (momentum .8); its epsilon is Keras' 1e-3.
    """

    def layer_g(inputs: int, outputs: int) -> list[nn.Module]:
        norm = nn.BatchNorm1d(outputs, eps=1e-3, track_running_stats=False)
        return [glorot(inputs, outputs), nn.LeakyReLU(0.2), norm]

    def layer_d(inputs: int, outputs: int) -> list[nn.Module]:
        return [glorot(inputs, outputs), nn.LeakyReLU(0.2)]

    return Dense(shape, latent, (256, 512, 1024), (512, 256), layer_g, layer_d, glorot, end=nn.Tanh)


def _relu(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.ReLU()]


def dropout_1024(shape: tuple[int, ...], latent: int) -> Dense:
    """100 - 256 - 512 - 1024 ReLU - tanh against 784 - 1024 - 512 - 256 ReLU - 1; D's dropout is the variant ``dropout``'s."""
    return Dense(shape, latent, (256, 512, 1024), (1024, 512, 256), _relu, _relu, end=nn.Tanh)


def relu_512(shape: tuple[int, ...], latent: int) -> Dense:
    """100 - 256 - 512 ReLU - tanh against 784 - 512 - 256 leaky ReLU - 1; the slope is not stated, so it is torch's .01."""

    def layer_d(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Linear(inputs, outputs), nn.LeakyReLU()]

    return Dense(shape, latent, (256, 512), (512, 256), _relu, layer_d, end=nn.Tanh)


def pacgan(shape: tuple[int, ...], latent: int) -> Dense:
    """PacGAN's nets for points (Lin et al. 2018, arXiv:1712.04086): G of 4 x 400, linear (no bias), batch normalisation, ReLU; D of 3 x 200 maxout
    of 5 pieces; weights N(0, .02)."""

    def layer_g(inputs: int, outputs: int) -> list[nn.Module]:
        norm = nn.BatchNorm1d(outputs, track_running_stats=False)
        return [small(inputs, outputs, bias=False), norm, nn.ReLU()]

    def layer_d(inputs: int, outputs: int) -> list[nn.Module]:
        return [Maxout(small(inputs, outputs * 5), 5)]

    return Dense(shape, latent, (400,) * 4, (200,) * 3, layer_g, layer_d, small)


@dataclass(frozen=True)
class Orthogonal(MLP):
    """The MLP with orthogonal weights of gain 1.4 and biases 0, as in UnrolledGAN's notebook."""

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        layer = nn.Linear(inputs, outputs)
        nn.init.orthogonal_(layer.weight, 1.4)
        nn.init.zeros_(layer.bias)
        return layer


@dataclass(frozen=True)
class SmallNormal(MLP):
    """The MLP with weights N(0, .01) and biases 0, as in D2GAN's script."""

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return normal(nn.Linear(inputs, outputs), 0.01)
