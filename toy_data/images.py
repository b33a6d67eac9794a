"""Handwritten digits, MNIST, stacks of them, and any images of a user's own.

Images are kept once, as uint8 on the device, and gathered per draw: x = pixel / 127.5 - 1 in [-1, 1]. A stack of c digits is c indices into the
same images; its mode is the number that its digits spell, the first channel's first: d0 * 100 + d1 * 10 + d2.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from toy_data.base import Data, Generator, digest, pick, whole
from toy_data.errors import DataError
from toy_data.idx import Split, read_folder, read_mnist


class Pixels(Data):
    """Images of bytes, ``[N, h, w]`` (grey: a sample is ``[1, h, w]``) or ``[N, c, h, w]``, without classes: the splits' labels mean nothing."""

    modes: int | None = None
    weights: Tensor | None = None
    n_held_out: int | None
    value_range = (-1.0, 1.0)

    def __init__(self, name: str, train: Split, test: Split) -> None:
        self.name, self.shape = name, train.shape
        self.train, self.test, self.n_held_out = train, test, len(test)
        self.mean, self.std = train.moments()

    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor | None]:
        return self._drawn(n, generator, held_out)[0], None

    def _drawn(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor]:
        """Images with their labels in the split."""
        split = self.test if held_out else self.train
        rows = pick(n, len(split), generator, split.labels.device, again=not held_out)
        return split.single(rows), split.labels[rows]

    def fingerprint(self) -> str:
        return digest("pixels", self.train.images, self.test.images)


class Images(Pixels):
    """Images ``[c, h, w]`` with a class each. Classes are the different training labels in ascending order, counted from 0.

    Test images of a class that training lacks are left out.
    """

    modes: int
    weights: Tensor
    classes: tuple[str, ...]
    """What each class is called, by its number: the label that it had, or the name of its folder."""

    def __init__(self, name: str, train: Split, test: Split) -> None:
        kinds, counts = train.labels.unique(return_counts=True)
        known = torch.isin(test.labels, kinds)
        test = test if known.all() else test[known]
        numbered = (Split(split.images, torch.searchsorted(kinds, split.labels)) for split in (train, test))
        super().__init__(name, *numbered)
        self.modes, self.weights = len(kinds), counts / len(train)
        self.classes = tuple(map(str, kinds.tolist()))

    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor | None]:
        return self._drawn(n, generator, held_out)

    def fingerprint(self) -> str:
        return digest("images", self.train.images, self.train.labels, self.test.images, self.test.labels)


class Stacks(Images):
    """``channels`` random digits in as many channels ``[c, h, w]``: 10^c modes. Held-out stacks are made of test images, anew for every draw.

    ``count``: train on a set of that many stacks, drawn once from a fixed seed and kept as int32 indices ``fixed [count, c]``; None makes
    training stacks anew too. ``weights`` are those of the stacks that are made anew (products of the digits' shares); published divergences take
    1 / 10^c instead, and so charge real MNIST 0.0043 for three digits.
    """

    def __init__(self, name: str, train: Split, test: Split, channels: int = 3, count: int | None = None) -> None:
        super().__init__(name, train, test)
        device = train.labels.device
        self.shape, self.n_held_out = (channels, *train.images.shape[1:]), None
        self._place = self.modes ** torch.arange(channels - 1, -1, -1, device=device)
        share = self.weights
        for _ in range(channels - 1):
            self.weights = torch.outer(self.weights, share).flatten()
        self.modes = self.modes**channels
        self.classes = tuple(map(str, range(self.modes)))
        self.fixed: Tensor | None = None
        if count is not None:
            g = torch.Generator().manual_seed(0)
            self.fixed = torch.randint(len(train), (count, channels), generator=g, dtype=torch.int32).to(device)

    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor | None]:
        split = self.test if held_out else self.train
        device = split.labels.device
        if held_out or self.fixed is None:
            index = torch.randint(len(split), (n, len(self._place)), generator=generator, device=device)
        else:
            index = self.fixed[torch.randint(len(self.fixed), (n,), generator=generator, device=device)].long()
        return split.gather(index), (split.labels[index] * self._place).sum(-1)

    def fingerprint(self) -> str:
        return digest("stacks", super().fingerprint(), self.shape, self.fixed)


def one_in(n: int, labels: Tensor) -> Tensor:
    """What is held out, ``[N]`` of bool: one in ``n`` of each class, at least one and never all, chosen by a fixed seed."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held = torch.zeros(len(labels), dtype=torch.bool)
    for kind in labels.unique():
        rows = order[labels[order] == kind]
        held[rows[: min(max(1, len(rows) // n), len(rows) - 1)]] = True
    return held


def pixels(name: str, images: Tensor) -> Tensor:
    """Bytes ``[N, h, w]`` or ``[N, c, h, w]`` from these or ``[N, h, w, c]``: whole numbers from 0 to 255, c at most 4; else ``DataError``.

    Where the first and the last axis may be channels, the one is that has 1 or 3, or else the first.
    """
    shape = list(images.shape)
    if len(shape) == 4 and shape[3] <= 4 and (shape[1] > 4 or (shape[1] not in (1, 3) and shape[3] in (1, 3))):
        images = images.movedim(-1, 1)
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and images.shape[1] > 4):
        raise DataError(
            f"The images of '{name}' have shape {shape}; they need [N, h, w], [N, c, h, w] or [N, h, w, c], c at most 4."
        )
    low, high = images.min(), images.max()
    if images.is_floating_point() or low < 0 or high > 255:
        kind = "floats" if images.is_floating_point() else "whole numbers"
        raise DataError(
            f"The images of '{name}' are {kind} from {low:g} to {high:g}; they need bytes from 0 to 255{_as_bytes(float(low), float(high))}."
        )
    return images.to(torch.uint8).contiguous()


def _as_bytes(low: float, high: float) -> str:
    """What makes bytes of values x in this range, where it is a usual one."""
    for least, most, code in (
        (0, 1, "255 * x + 0.5"),
        (-1, 1, "127.5 * x + 128"),
        (0, 255, "x + 0.5"),
        (0, 65535, "x / 257 + 0.5"),
    ):
        if least <= low and high <= most:
            return f": numpy.uint8({code}) makes them of values x from {least} to {most}"
    return ""


def of_splits(name: str, train: Split, test: Split) -> Pixels:
    """A user's own images with a class each; where training has one class alone, as if they had none: a judge of one class tells nothing
    apart, so that its FID of anything is 0. ``DataError`` where no image of a class that training has is held out."""
    if len(train.labels.unique()) == 1:
        return Pixels(name, train, test)
    _, h, w = train.shape
    if min(h, w) < 4:  # a judge halves them twice
        raise DataError(
            f"The images of '{name}' are {w} x {h}; to tell classes apart takes 4 x 4 pixels or more. Without labels they train as they are."
        )
    made = Images(name, train, test)
    if not made.n_held_out:
        raise DataError(
            f"No image of '{name}' can be held out: it takes a class with two images or more, or test images of a class that training has."
        )
    return made


def of_arrays(name: str, images: Tensor, labels: Tensor | None) -> Pixels:
    """A user's own images, as ``pixels`` takes them, and ``labels [N]`` (any whole numbers) where known; a tenth, of each class, is held out."""
    images = pixels(name, images)
    n = len(images)
    every = Split(images, torch.zeros(n, dtype=torch.int64) if labels is None else whole(name, labels, n))
    held = one_in(10, every.labels)
    return (Pixels if labels is None else of_splits)(name, every[~held], every[held])


def _real_digits() -> tuple[Split, Split]:
    """scikit-learn's digits, pixels 0..16 spread to 0..255; a fifth of each class, chosen by a fixed seed, is held out.

    Chosen, since the file runs through the ten classes in order over long stretches: every fifth image would be of two classes there.
    """
    from sklearn.datasets import load_digits

    found, target = load_digits(return_X_y=True)
    pixels = torch.from_numpy(found).view(-1, 8, 8).mul(255 / 16).round().to(torch.uint8)
    labels = torch.from_numpy(target).long()
    test = one_in(5, labels)
    return Split(pixels, labels)[~test], Split(pixels, labels)[test]


def digits() -> Images:
    """1,797 real 8x8 digits that come with scikit-learn (UCI optical recognition of handwritten digits, test part)."""
    return Images("digits", *_real_digits())


def stacked_digits() -> Stacks:
    """Stacked MNIST's experiment, small and without a network: 128,000 fixed stacks of three 8x8 digits."""
    return Stacks("stacked-digits", *_real_digits(), count=128_000)


def from_idx(folder: Path) -> Pixels:
    """Any folder of four files in MNIST's layout (Fashion-MNIST, KMNIST, ...), plain or .gz."""
    return of_splits(f"idx:{folder}", *read_folder(folder))


def mnist(root: str | Path | None) -> Images:
    """LeCun et al. 1998: 60,000 training and 10,000 test images, 28x28."""
    return Images("mnist", *read_mnist(root))


def thin(split: Split, keep: Tensor) -> Split:
    """Of class c the first ``keep[c]`` (a share in (0, 1]), in file order, at least one."""
    parts = [(split.labels == c).nonzero()[:, 0] for c in range(len(keep))]
    rows = torch.cat([p[: max(1, round(len(p) * share))] for p, share in zip(parts, keep.tolist(), strict=True)])
    return split[rows.sort().values]


def mnist_imbalanced(root: str | Path | None) -> Images:
    """Our own long tail: of digit c a share of 2^(-c/1.5), all zeros to 1/64 of the nines, in both splits."""
    keep = 2.0 ** (-torch.arange(10) / 1.5)
    train, test = read_mnist(root)
    return Images("mnist-imbalanced", thin(train, keep), thin(test, keep))


def stacked_mnist(root: str | Path | None) -> Stacks:
    """VEEGAN's and PacGAN's 128,000 fixed stacks, of training images only (theirs are of all 70,000, so they hold none out)."""
    return Stacks("stacked-mnist", *read_mnist(root), count=128_000)


def stacked_mnist_fly(root: str | Path | None) -> Stacks:
    """Stacks made anew for every draw (Metz et al. 2017, arXiv:1611.02163, section 3.3.1)."""
    return Stacks("stacked-mnist-fly", *read_mnist(root))


def stacked_mnist_4(root: str | Path | None) -> Stacks:
    """Four digits, 10,000 modes, 128 * 10^4 fixed stacks (Kumar et al. 2019, arXiv:1901.08508)."""
    return Stacks("stacked-mnist-4", *read_mnist(root), channels=4, count=1_280_000)
