"""A finite set of points, trained on as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from toy_data.base import Data, Generator, digest, finite, pick, whole
from toy_data.errors import DataError


class Points(Data):
    """``samples [N, d]``, drawn with replacement, with ``labels [N]`` (any whole numbers) where known.

    A tenth of them, chosen by a fixed seed, is held out (none of fewer than ten). Modes are the different labels of the others in ascending
    order: labels (3, 7, 7) are modes (0, 1, 1). What is held out of another label is left out, as ``Images`` does: nobody could learn that mode.
    Raises ``DataError`` for wrong shapes or NaN.
    """

    value_range = None
    n_held_out: int

    def __init__(self, name: str, samples: Tensor, labels: Tensor | None = None) -> None:
        if samples.ndim != 2 or 0 in samples.shape:
            raise DataError(
                f"The samples of '{name}' have shape {list(samples.shape)}; they need [N, d]: a row for each."
            )
        finite(name, "samples", samples)
        n, d = samples.shape
        self.name, self.shape = name, (d,)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(0)).to(samples.device)
        self._kept, self._trained = order[: n // 10], order[n // 10 :]
        self.samples = samples.float()
        self.modes, self.labels, self.weights = None, None, None
        if labels is not None:
            labels = whole(name, labels, n)
            kinds = labels[self._trained].unique()
            known = torch.isin(labels, kinds)
            self.labels = torch.searchsorted(kinds, labels)
            self._kept = self._kept[known[self._kept]]
            self.modes, self.weights = len(kinds), self.labels[known].bincount() / known.sum()
        self.n_held_out = len(self._kept)
        exact = samples[self._trained].double()
        self.mean, std = exact.mean(0).float(), exact.std(0, correction=0).float()
        self.std = torch.where(std > 0, std, 1.0)  # a constant column is shifted, not scaled

    @property
    def train(self) -> tuple[Tensor, Tensor | None]:
        """The samples that are trained on, ``[N, d]``, and their labels, if there are any."""
        return self.samples[self._trained], None if self.labels is None else self.labels[self._trained]

    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor | None]:
        part = self._kept if held_out else self._trained
        rows = part[pick(n, len(part), generator, part.device, again=not held_out)]
        return self.samples[rows], None if self.labels is None else self.labels[rows]

    def fingerprint(self) -> str:
        return digest("points", self.samples, self.labels)
