"""Kits for images as they were published: DCGAN at any size, the small one of the unrolled experiments, and a ResNet without normalisation.

Batch normalisation, where a kit has it, uses the batch at hand, in D apart for real and for fake (as in the published code), and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from zoo.errors import ZooError
from zoo.nets.base import BaseKit, normal


def need_images(kit: str, shape: tuple[int, ...], divisor: int = 1) -> None:
    """Raise ``ZooError`` unless data of ``shape`` are images whose height and width ``divisor`` divides."""
    if len(shape) != 3 or shape[1] % divisor or shape[2] % divisor:
        told = f" with h and w divisible by {divisor}" if divisor > 1 else ""
        raise ZooError(f"The {kit} kit needs images [c, h, w]{told}, not data of shape {list(shape)}; use --kit mlp.")


def he(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    """Weights that keep the scale through leaky ReLU .2 (He et al. 2015, arXiv:1502.01852), biases 0."""
    nn.init.kaiming_normal_(layer.weight, a=0.2)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def batch_norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, track_running_stats=False)


@dataclass(frozen=True)
class ImageKit(BaseKit):
    """Of images; ``width`` is the channels of the widest maps, and linear layers start as DCGAN's."""

    width: int

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return normal(nn.Linear(inputs, outputs))


def halved(size: int, times: int) -> int:
    """A side of ``size`` pixels after so many convolutions of stride 2, rounded up."""
    return math.ceil(size / 2**times)


@dataclass(frozen=True)
class DCGAN(ImageKit):
    """DCGAN (Radford et al. 2016, arXiv:1511.06434) as VEEGAN's and PacGAN's Stacked MNIST has it, for images of any size.

    G: latent -> (8 width, h/16, w/16), sides rounded up -> four transposed 5x5 convolutions of stride 2 -> tanh; batch normalisation and ReLU
    after all but the last. D: four 5x5 convolutions of stride 2, ``width`` to 8 ``width`` channels, leaky ReLU .2, batch normalisation in all
    but the first (none when not ``norm_d``: what gradient penalties need). Weights N(0, .02). We differ: padding is even on both sides.
    """

    norm: bool = True
    norm_d: bool = True

    def __post_init__(self) -> None:
        need_images("dcgan", self.shape)

    @property
    def features(self) -> int:
        return 8 * self.width * halved(self.shape[1], 4) * halved(self.shape[2], 4)

    def _up(self, inputs: int, outputs: int, times: int) -> nn.Module:
        """To the size after ``times`` halvings."""
        odd = [halved(side, times) % 2 for side in self.shape[1:]]
        return normal(nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=(1 - odd[0], 1 - odd[1])))

    def _after(self, channels: int) -> list[nn.Module]:
        return [*([batch_norm(channels)] if self.norm else []), nn.ReLU()]

    def generator_trunk(self, latent: int | None = None) -> nn.Module:
        w, small = self.width, [halved(side, 4) for side in self.shape[1:]]
        first = self.linear(latent or self.latent, 8 * w * math.prod(small))
        layers: list[nn.Module] = [first, nn.Unflatten(1, (8 * w, *small)), *self._after(8 * w)]
        for times, channels in ((3, 4 * w), (2, 2 * w), (1, w)):
            layers += [self._up(2 * channels, channels, times), *self._after(channels)]
        return nn.Sequential(*layers)

    def generator_head(self) -> nn.Module:
        return nn.Sequential(self._up(self.width, self.shape[0], 0), nn.Tanh())

    def trunk(self) -> nn.Module:
        layers: list[nn.Module] = []
        widths = [self.shape[0], *(self.width * 2**i for i in range(4))]
        for i, (inputs, outputs) in enumerate(pairwise(widths)):
            layers.append(normal(nn.Conv2d(inputs, outputs, 5, 2, 2)))
            layers += [batch_norm(outputs)] if i and self.norm_d else []
            layers.append(nn.LeakyReLU(0.2))
        return nn.Sequential(*layers, nn.Flatten(1))


@dataclass(frozen=True)
class Metz(ImageKit):
    """The small DCGAN of UnrolledGAN's Stacked MNIST (Metz et al. 2017, arXiv:1611.02163, appendix; as fjxmlzn/PacGAN has it), 28x28 images.

    G: latent -> (64, 4, 4) -> transposed 3x3 convolutions of stride 2 to 32@7, 16@14, 8@28 -> 3x3 convolution -> tanh; batch normalisation
    and ReLU. D: three 3x3 convolutions of stride 2, ``width``, 2 ``width`` and 4 ``width`` channels (2: D = G/4; 4: D = G/2), batch
    normalisation, leaky ReLU .3. Weights N(0, .02). We differ: padding is even on both sides.
    """

    width: int = 2

    def __post_init__(self) -> None:
        if self.shape[1:] != (28, 28):
            raise ZooError(f"The metz kit needs images of 28x28 pixels, not data of shape {list(self.shape)}.")

    @property
    def features(self) -> int:
        return 4 * self.width * 4 * 4

    def generator_trunk(self, latent: int | None = None) -> nn.Module:
        def up(inputs: int, outputs: int, extra: int) -> list[nn.Module]:
            layer = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=extra)
            return [normal(layer), batch_norm(outputs), nn.ReLU()]

        first = [self.linear(latent or self.latent, 64 * 4 * 4), nn.Unflatten(1, (64, 4, 4)), batch_norm(64), nn.ReLU()]
        return nn.Sequential(*first, *up(64, 32, 0), *up(32, 16, 1), *up(16, 8, 1))

    def generator_head(self) -> nn.Module:
        return nn.Sequential(normal(nn.Conv2d(8, self.shape[0], 3, padding=1)), nn.Tanh())

    def trunk(self) -> nn.Module:
        widths = [self.shape[0], self.width, 2 * self.width, 4 * self.width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [normal(nn.Conv2d(inputs, outputs, 3, 2, 1)), batch_norm(outputs), nn.LeakyReLU(0.3)]
        return nn.Sequential(*layers, nn.Flatten(1))


class Residual(nn.Module):
    """x -> skip(x) + body(x)."""

    def __init__(self, skip: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.skip, self.body = skip, body

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.skip(x) + self.body(x)
        return out


@dataclass(frozen=True)
class ResNet(ImageKit):
    """A small ResNet without normalisation, after R3GAN's (Huang et al. 2024, arXiv:2501.05441): h and w divisible by 4.

    Three stages at a quarter, half and all of the image's side, of 4 ``width``, 2 ``width`` and ``width`` channels, a block each:
    x + conv3x3(lrelu(conv3x3(lrelu(x)))), whose second convolution starts at 0 (Fixup, Zhang et al. 2019, arXiv:1901.09321), so that depth does
    not change the scale. Sides change by nearest neighbours and means, channels by 1x1 convolutions; G ends in tanh. Ours where R3GAN
    has more: it stacks two bottleneck blocks of grouped convolutions a stage, resamples bilinearly and leaves G's end open.
    """

    def __post_init__(self) -> None:
        need_images("resnet", self.shape, 4)

    @property
    def features(self) -> int:
        return 4 * self.width * (self.shape[1] // 4) * (self.shape[2] // 4)

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        return he(nn.Linear(inputs, outputs))

    def _block(self, channels: int) -> nn.Module:
        last = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        first = he(nn.Conv2d(channels, channels, 3, padding=1))
        return Residual(nn.Identity(), nn.Sequential(nn.LeakyReLU(0.2), first, nn.LeakyReLU(0.2), last))

    def _stages(self, channels: Sequence[int], change: Callable[[], nn.Module]) -> list[nn.Module]:
        layers = [self._block(channels[0])]
        for inputs, outputs in pairwise(channels):
            layers += [change(), he(nn.Conv2d(inputs, outputs, 1, bias=False)), self._block(outputs)]
        return layers

    def generator_trunk(self, latent: int | None = None) -> nn.Module:
        w, small = self.width, (self.shape[1] // 4, self.shape[2] // 4)
        first = self.linear(latent or self.latent, 4 * w * math.prod(small))
        stages = self._stages((4 * w, 2 * w, w), lambda: nn.Upsample(scale_factor=2))
        return nn.Sequential(first, nn.Unflatten(1, (4 * w, *small)), *stages, nn.LeakyReLU(0.2))

    def generator_head(self) -> nn.Module:
        return nn.Sequential(he(nn.Conv2d(self.width, self.shape[0], 3, padding=1)), nn.Tanh())

    def trunk(self) -> nn.Module:
        w = self.width
        first = he(nn.Conv2d(self.shape[0], w, 3, padding=1))
        return nn.Sequential(
            first, *self._stages((w, 2 * w, 4 * w), lambda: nn.AvgPool2d(2)), nn.LeakyReLU(0.2), nn.Flatten(1)
        )
