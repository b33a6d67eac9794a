"""Handwritten digits, MNIST, stacks of them, and any data set in MNIST's layout.

Images are kept once, as uint8 on the device, and gathered per draw: x = pixel / 127.5 - 1 in [-1, 1]. A stack of c digits is c indices into the
same images; its mode is the number that its digits spell, the first channel's first: d0 * 100 + d1 * 10 + d2.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from toy_data.base import Data, Generator, digest, pick
from toy_data.idx import Split, read_folder, read_mnist


class Images(Data):
    """Grey images ``[1, h, w]`` with a class each. Classes are the different training labels in ascending order, counted from 0."""

    modes: int
    weights: Tensor
    n_held_out: int | None
    value_range = (-1.0, 1.0)

    def __init__(self, name: str, train: Split, test: Split) -> None:
        self.name, self.shape = name, (1, *train.images.shape[1:])
        kinds, counts = train.labels.unique(return_counts=True)
        known = torch.isin(test.labels, kinds)
        test = test if known.all() else test[known]
        self.train = Split(train.images, torch.searchsorted(kinds, train.labels))
        self.test = Split(test.images, torch.searchsorted(kinds, test.labels))
        self.modes, self.weights, self.n_held_out = len(kinds), counts / len(train), len(self.test)
        self.mean, self.std = train.moments()

    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor]:
        split = self.test if held_out else self.train
        rows = pick(n, len(split), generator, split.labels.device, again=not held_out)
        return split.gather(rows)[:, None], split.labels[rows]

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
        self.fixed: Tensor | None = None
        if count is not None:
            g = torch.Generator().manual_seed(0)
            self.fixed = torch.randint(len(train), (count, channels), generator=g, dtype=torch.int32).to(device)

    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor]:
        split = self.test if held_out else self.train
        device = split.labels.device
        if held_out or self.fixed is None:
            index = torch.randint(len(split), (n, len(self._place)), generator=generator, device=device)
        else:
            index = self.fixed[torch.randint(len(self.fixed), (n,), generator=generator, device=device)].long()
        return split.gather(index), (split.labels[index] * self._place).sum(-1)

    def fingerprint(self) -> str:
        return digest("stacks", super().fingerprint(), self.shape, self.fixed)


def _real_digits() -> tuple[Split, Split]:
    """scikit-learn's digits, pixels 0..16 spread to 0..255; a fifth of each class, chosen by a fixed seed, is held out.

    Chosen, since the file runs through the ten classes in order over long stretches: every fifth image would be of two classes there.
    """
    from sklearn.datasets import load_digits

    found, target = load_digits(return_X_y=True)
    pixels = torch.from_numpy(found).view(-1, 8, 8).mul(255 / 16).round().to(torch.uint8)
    labels = torch.from_numpy(target).long()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    test = torch.zeros(len(labels), dtype=torch.bool)
    for c in range(10):
        rows = order[labels[order] == c]
        test[rows[: len(rows) // 5]] = True
    return Split(pixels, labels)[~test], Split(pixels, labels)[test]


def digits() -> Images:
    """1,797 real 8x8 digits that come with scikit-learn (UCI optical recognition of handwritten digits, test part)."""
    return Images("digits", *_real_digits())


def stacked_digits() -> Stacks:
    """Stacked MNIST's experiment, small and without a network: 128,000 fixed stacks of three 8x8 digits."""
    return Stacks("stacked-digits", *_real_digits(), count=128_000)


def from_idx(folder: Path) -> Images:
    """Any folder of four files in MNIST's layout (Fashion-MNIST, KMNIST, ...), plain or .gz."""
    return Images(f"idx:{folder}", *read_folder(folder))


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
