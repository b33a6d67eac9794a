"""What every data set offers: samples, labels where there are any, samples never trained on, and a fingerprint of its content."""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor

from toy_data.errors import DataError

Generator = torch.Generator


class Data(ABC):
    """A distribution to learn. ``sample(n, generator)`` is the same for the same generator state, whatever was drawn before."""

    name: str
    shape: tuple[int, ...]
    """Of one sample."""
    modes: int | None
    """How many modes (or classes) are known; None where there are no labels."""
    weights: Tensor | None
    """The share of each known mode ``[modes]``."""
    value_range: tuple[float, float] | None
    """(-1, 1) for images, None for points."""
    mean: Tensor
    """``[d]``, or one number for images; of mixtures exact, of finite sets the training samples'."""
    std: Tensor
    """As ``mean``; never 0."""
    source: str | None = None
    """Of a file of a user's own: what it was loaded by, which ``name`` is not."""
    n_held_out: int | None
    """How many different held-out samples there are: None for any number of fresh ones."""

    @abstractmethod
    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor | None]:
        """``x [n, *shape]`` float32 and ``y [n]`` int64, if there are labels."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A short hash of what defines the data: two sets with one fingerprint draw the same samples."""

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Training samples ``[n, *shape]``, independent draws (from a finite set: with replacement)."""
        return self._draw(n, generator, False)[0]

    def sample_labelled(self, n: int, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """The draws of ``sample`` with the mode (or class) of each: ``[n, *shape]``, ``[n]`` int64. ``DataError`` without labels."""
        return self._labelled(self._draw(n, generator, False))

    def held_out(self, n: int, generator: Generator | None = None) -> Tensor:
        """Samples that training never sees ``[n, *shape]``: fresh draws; of a finite split all different ones, before any comes again.

        Raises ``DataError`` where nothing is held out.
        """
        return self._held_out(n, generator)[0]

    def held_out_labelled(self, n: int, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """The draws of ``held_out`` with their labels."""
        return self._labelled(self._held_out(n, generator))

    def _held_out(self, n: int, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        if self.n_held_out == 0:
            raise DataError(f"'{self.name}' has no held-out samples.")
        return self._draw(n, generator, True)

    def to(self, device: torch.device | str) -> Self:
        """The same data with its tensors on ``device``; generators then live there too."""
        moved = copy.copy(self)
        for key, value in vars(self).items():
            if hasattr(value, "to"):
                setattr(moved, key, value.to(device))
        return moved

    def _labelled(self, drawn: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor]:
        x, y = drawn
        if y is None:
            raise DataError(f"'{self.name}' has no labels; a file of samples may hold them as an array 'labels' [N].")
        return x, y


def pick(n: int, size: int, generator: Generator | None, device: torch.device, *, again: bool) -> Tensor:
    """Rows ``[n]`` of a table of ``size``: independent draws, or (not ``again``) all different ones, and when all are drawn, all once more."""
    if again:
        return torch.randint(size, (n,), generator=generator, device=device)
    times = max(1, -(-n // size))
    return torch.cat([torch.randperm(size, generator=generator, device=device) for _ in range(times)])[:n]


def digest(*parts: object) -> str:
    """A short sha256 over tensors (shape, type and bytes) and anything else (its repr)."""
    h = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            array = part.detach().cpu().contiguous().numpy()
            h.update(f"{array.shape}{array.dtype}".encode())
            h.update(array.data)
        else:
            h.update(repr(part).encode())
    return h.hexdigest()[:16]


def whole(name: str, labels: Tensor, n: int) -> Tensor:
    """``labels [n]`` as int64; ``DataError`` where they are not so many whole numbers."""
    if labels.shape != (n,) or labels.is_floating_point():
        raise DataError(
            f"The labels of '{name}' must be {n} whole numbers, not {list(labels.shape)} of {labels.dtype}."
        )
    return labels.long()


def finite(name: str, what: str, value: Tensor) -> Tensor:
    """``value``; ``DataError`` where 32-bit floats do not hold it."""
    if not value.float().isfinite().all():
        raise DataError(
            f"The {what} of '{name}' hold NaN or infinite numbers, or some beyond 3.4e38, too large for 32-bit floats."
        )
    return value
