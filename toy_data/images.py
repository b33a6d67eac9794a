"""Handwritten digits, MNIST, stacks of them, and any folder in MNIST's IDX layout.

Images live once, as uint8 on the device, and are gathered per draw: x = 2 * pixel / 255 - 1 in [-1, 1]. A stack of m digits is m indices into the
same images, its mode the number that its digits spell.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from toy_data import DataError
from toy_data.base import Data, digest

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
FILES = list(MNIST_SHA256)


@dataclass(frozen=True)
class Split:
    """Images ``[N, h, w]`` uint8 with labels ``[N]``."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> Split:
        return Split(self.images.to(device), self.labels.to(device))

    def gather(self, index: Tensor) -> Tensor:
        """Images at ``index [...]`` as floats in [-1, 1], ``[..., h, w]``."""
        return self.images[index].float() * (2 / 255) - 1


class Images(Data):
    """Labelled single-channel images ``[1, h, w]``; ``keep [C]`` thins class c of the training set to a share of it."""

    value_range = (-1.0, 1.0)

    def __init__(self, name: str, train: Split, test: Split, shares: Tensor | None = None) -> None:
        self.name, self.train, self.test, self.shares = name, train, test, shares
        self.shape = (1, *train.images.shape[1:])
        self.modes = int(train.labels.max()) + 1
        self.index = self._kept()

    def _kept(self) -> Tensor:
        """The training images in use: all, or of each class its share, the first ones in file order."""
        labels = self.train.labels
        if self.shares is None:
            return torch.arange(len(labels), device=labels.device)
        parts = [(labels == c).nonzero()[:, 0] for c in range(self.modes or 0)]
        return torch.cat([p[: max(1, round(len(p) * float(s)))] for p, s in zip(parts, self.shares, strict=True)])

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        index = self.index[torch.randint(len(self.index), (n,), generator=generator, device=self.index.device)]
        return self.train.gather(index)[:, None], self.train.labels[index]

    def held_out_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(self.test.labels), (n,), generator=generator, device=self.test.labels.device)
        return self.test.gather(index)[:, None], self.test.labels[index]

    @property
    def mean(self) -> Tensor:
        return self.train.images.float().mean() * (2 / 255) - 1

    @property
    def std(self) -> Tensor:
        return self.train.images.float().std(correction=0) * (2 / 255)

    def to(self, device: torch.device | str) -> Images:
        return Images(self.name, self.train.to(device), self.test.to(device), self.shares)

    def fingerprint(self) -> str:
        return digest(self.train.images, self.train.labels, self.index)


class Stacks(Data):
    """``channels`` random digits in as many channels ``[m, h, w]``; mode = the number they spell, 10^m modes.

    ``count`` fixes a set of that many stacks (drawn once, from ``seed``); None stacks anew for every draw. Held-out stacks are of test digits.
    """

    value_range = (-1.0, 1.0)

    def __init__(self, name: str, train: Split, test: Split, channels: int, count: int | None, seed: int = 0) -> None:
        self.name, self.train, self.test, self.channels, self.count, self.seed = name, train, test, channels, count, seed
        self.shape = (channels, *train.images.shape[1:])
        self.modes = 10**channels
        g = torch.Generator().manual_seed(seed)
        fixed = None if count is None else torch.randint(len(train.labels), (count, channels), generator=g, dtype=torch.int32)
        self.fixed = None if fixed is None else fixed.to(train.labels.device)

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        if self.fixed is None:
            return self._stack(self.train, self._digits(self.train, n, generator))
        row = torch.randint(len(self.fixed), (n,), generator=generator, device=self.fixed.device)
        return self._stack(self.train, self.fixed[row].long())

    def held_out_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        return self._stack(self.test, self._digits(self.test, n, generator))

    def _digits(self, split: Split, n: int, generator: torch.Generator | None) -> Tensor:
        return torch.randint(len(split.labels), (n, self.channels), generator=generator, device=split.labels.device)

    def _stack(self, split: Split, index: Tensor) -> tuple[Tensor, Tensor]:
        place = 10 ** torch.arange(self.channels - 1, -1, -1, device=index.device)
        return split.gather(index), (split.labels[index] * place).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.train.images.float().mean() * (2 / 255) - 1

    @property
    def std(self) -> Tensor:
        return self.train.images.float().std(correction=0) * (2 / 255)

    def to(self, device: torch.device | str) -> Stacks:
        return Stacks(self.name, self.train.to(device), self.test.to(device), self.channels, self.count, self.seed)

    def fingerprint(self) -> str:
        return digest(self.train.images, self.train.labels, torch.tensor([self.channels, self.count or 0, self.seed]))


def digits() -> tuple[Split, Split]:
    """scikit-learn's 1,797 digits, pixels 0..16 scaled to 0..255; every fifth image is held out (360 of them)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = torch.from_numpy(images).view(-1, 8, 8).mul(255 / 16).round().to(torch.uint8)
    classes = torch.from_numpy(labels).long()
    test = torch.arange(len(classes)) % 5 == 0
    return Split(pixels[~test], classes[~test]), Split(pixels[test], classes[test])


def read_idx(folder: Path, sha256: dict[str, str] | None) -> tuple[Split, Split]:
    """The four IDX files (plain or .gz) of a folder, checked; ``DataError`` names the file that is missing or wrong."""
    tensors = [_read_file(folder, name, sha256) for name in FILES]
    for name, images, labels in ((FILES[0], *tensors[:2]), (FILES[2], *tensors[2:])):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise DataError(f"{folder / name} holds {list(images.shape)} images but there are {list(labels.shape)} labels.")
    return Split(tensors[0], tensors[1].long()), Split(tensors[2], tensors[3].long())


def _read_file(folder: Path, name: str, sha256: dict[str, str] | None) -> Tensor:
    import gzip
    import hashlib
    import tempfile

    plain, zipped = folder / name, folder / f"{name}.gz"
    if not plain.exists() and not zipped.exists():
        raise DataError(f"{plain} (or {zipped.name}) is missing; the folder must hold {', '.join(FILES)}, plain or .gz.")
    try:
        content = plain.read_bytes() if plain.exists() else gzip.decompress(zipped.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{plain if plain.exists() else zipped} cannot be read ({error}).") from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 and found != sha256[name]:
        raise DataError(f"{plain} is damaged or another file: its SHA-256 is {found}, and should be {sha256[name]}.")
    read = _torchvision_mnist().read_sn3_pascalvincent_tensor
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            tensor: Tensor = read(file.name, strict=True)
        except (ValueError, AssertionError, KeyError, IndexError, RuntimeError, TypeError) as error:
            raise DataError(f"{plain} is not an IDX file: it is truncated or damaged ({error or type(error).__name__}).") from error
    return tensor


def _torchvision_mnist():  # type: ignore[no-untyped-def]
    """torchvision's reader; a torchvision that does not match torch is said in one sentence."""
    try:
        from torchvision.datasets import mnist
    except (ImportError, RuntimeError, AttributeError) as error:
        raise DataError(
            f"torchvision cannot be imported beside torch {torch.__version__} ({str(error).splitlines()[0]}); "
            "install the pair that belongs together: pip install --force-reinstall torch torchvision."
        ) from error
    return mnist


def mnist(root: str | None) -> tuple[Split, Split]:
    """MNIST from ``root`` (else ZOO_DATA, else ~/.cache/zoo/data) in torchvision's layout; downloaded where there is a network."""
    base = Path(root or os.environ.get("ZOO_DATA") or Path.home() / ".cache" / "zoo" / "data")
    folder = base / "MNIST" / "raw"
    if not any((folder / f).exists() or (folder / f"{f}.gz").exists() for f in FILES):
        reader = _torchvision_mnist()
        try:
            reader.MNIST(str(base), download=True)
        except Exception as error:
            raise DataError(
                f"MNIST is not in {folder} and could not be downloaded ({str(error).strip().splitlines()[-1]}); put "
                f"{', '.join(FILES)} there, or name the folder that holds MNIST/raw by --data-root or ZOO_DATA."
            ) from error
    return read_idx(folder, MNIST_SHA256)


def load(name: str, root: str | None) -> Data:
    """An image data set of the catalogue, or ``idx:FOLDER``."""
    if name.startswith("idx:"):
        return Images(name, *read_idx(Path(name[4:]), None))
    if name == "digits":
        return Images(name, *digits())
    if name == "stacked-digits":
        return Stacks(name, *digits(), channels=3, count=None)
    splits = mnist(root)
    if name == "mnist":
        return Images(name, *splits)
    if name == "mnist-imbalanced":
        return Images(name, *splits, shares=2.0 ** (-torch.arange(10) / 1.5))
    if name == "stacked-mnist-4":
        return Stacks(name, *splits, channels=4, count=1_280_000)
    return Stacks(name, *splits, channels=3, count=None if name.endswith("fly") else 128_000)
