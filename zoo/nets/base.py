"""What all kits share: a generator and a discriminator are a trunk and a last layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from torch import nn

from zoo.variant import Kit


@dataclass(frozen=True)
class BaseKit(ABC):
    """A kit says how its trunks and the generator's head are built, and how wide the trunk ends."""

    shape: tuple[int, ...]
    latent: int

    @property
    @abstractmethod
    def features(self) -> int: ...

    @abstractmethod
    def generator_trunk(self, latent: int | None = None) -> nn.Module: ...

    @abstractmethod
    def generator_head(self) -> nn.Module: ...

    @abstractmethod
    def trunk(self) -> nn.Module: ...

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return nn.Linear(inputs, outputs)

    def packed(self, m: int) -> Self:
        return replace(self, shape=(m * self.shape[0], *self.shape[1:]))

    def generator(self, latent: int | None = None) -> nn.Module:
        return nn.Sequential(self.generator_trunk(latent), self.generator_head())

    def discriminator(self, out: int = 1) -> nn.Module:
        return nn.Sequential(self.trunk(), self.linear(self.features, out))


Layer = TypeVar("Layer", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def normal(layer: Layer, std: float = 0.02) -> Layer:
    """Weights of mean 0 and deviation ``std`` (DCGAN's: .02), biases 0."""
    nn.init.normal_(layer.weight, 0.0, std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _conforms(kit: BaseKit) -> Kit:
    """For the type checker: every such kit is a ``Kit``."""
    return kit
