"""What every data set offers."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor


class Data(ABC):
    """A distribution to learn: ``sample(n, generator) -> [n, *shape]``, float32, on the data's device.

    ``modes`` is the number of known modes or classes (None when there are none known); ``value_range`` the interval that all values lie in
    (None when unbounded); ``mean`` and ``std`` are for standardisation, exact for mixtures.
    """

    name: str
    shape: tuple[int, ...]
    modes: int | None = None
    value_range: tuple[float, float] | None = None

    @abstractmethod
    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Samples ``[n, *shape]`` and the mode or class of each ``[n]`` (int64; -1 where unknown)."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Samples ``[n, *shape]``; ``generator`` must be on the data's device."""
        return self.sample_labelled(n, generator)[0]

    def held_out_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Samples that training never sees: fresh draws of a distribution, the test split of a finite set."""
        return self.sample_labelled(n, generator)

    def held_out(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Samples ``[n, *shape]`` that training never sees."""
        return self.held_out_labelled(n, generator)[0]

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """Of all samples: a scalar, or ``[d]`` for points."""

    @property
    @abstractmethod
    def std(self) -> Tensor:
        """Of all samples: a scalar, or ``[d]`` for points; never 0."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """The same data on another device."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A short hash of what defines the data."""


def digest(*tensors: Tensor) -> str:
    """12 hex digits of the SHA-256 of tensors' shapes and bytes."""
    sha = hashlib.sha256()
    for t in tensors:
        sha.update(str((tuple(t.shape), t.dtype)).encode())
        sha.update(t.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:12]
