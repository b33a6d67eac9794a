"""A user's own data: points that are trained on as they are, from a .npz file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from toy_data import DataError
from toy_data.base import Data, digest
from toy_data.mixtures import Mixture, from_arrays


class Points(Data):
    """A finite set of points ``[N, d]``, optionally labelled ``[N]``; the last tenth (shuffled by a fixed seed) is held out."""

    def __init__(self, name: str, samples: Tensor, labels: Tensor | None = None) -> None:
        self.name, self.samples = name, samples.float()
        self.labels = torch.full((len(samples),), -1) if labels is None else labels.long()
        self.shape = tuple(samples.shape[1:])
        self.modes = None if labels is None else int(self.labels.max()) + 1
        order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))
        cut = max(1, len(samples) - len(samples) // 10)
        self._train, self._test = order[:cut].to(samples.device), order[cut:].to(samples.device)

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        return self._draw(self._train, n, generator)

    def held_out_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        return self._draw(self._test if len(self._test) else self._train, n, generator)

    def _draw(self, part: Tensor, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        index = part[torch.randint(len(part), (n,), generator=generator, device=part.device)]
        return self.samples[index], self.labels[index]

    @property
    def mean(self) -> Tensor:
        return self.samples.mean(0)

    @property
    def std(self) -> Tensor:
        return self.samples.std(0, correction=0).clamp_min(1e-12)

    def to(self, device: torch.device | str) -> Points:
        return Points(self.name, self.samples.to(device), None if self.modes is None else self.labels.to(device))

    def fingerprint(self) -> str:
        return digest(self.samples, self.labels)


MIXTURE_KEYS = {"centres", "sigma", "covariances", "weights"}
POINT_KEYS = {"samples", "labels"}


def from_npz(path: str) -> Mixture | Points:
    """``centres`` with ``sigma`` or ``covariances`` (and ``weights``) make a mixture; ``samples`` (and ``labels``) are trained on.

    Raises ``DataError``; objects in the file (which could run code) are refused.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {k: torch.from_numpy(np.asarray(file[k], dtype=np.int64 if k == "labels" else np.float64)) for k in file.files}
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except Exception as error:
        raise DataError(f"{path} cannot be read as a .npz file of plain arrays ({error}).") from error
    name = Path(path).stem
    known = MIXTURE_KEYS if "centres" in arrays else POINT_KEYS
    if unknown := set(arrays) - known:
        raise DataError(f"{path} holds '{min(unknown)}', which means nothing here; expected: {', '.join(sorted(known))}.")
    if "centres" in arrays:
        return from_arrays(path, arrays["centres"], arrays.get("sigma"), arrays.get("covariances"), arrays.get("weights"))
    if "samples" not in arrays:
        raise DataError(f"{path} holds neither centres [K, d] (a mixture) nor samples [N, d].")
    samples, labels = arrays["samples"], arrays.get("labels")
    if samples.ndim != 2 or len(samples) < 2:
        raise DataError(f"{path}: samples must be [N, d] with at least two points, not {list(samples.shape)}.")
    if not samples.isfinite().all():
        raise DataError(f"{path}: samples holds values that are not finite.")
    if labels is not None and (labels.shape != samples.shape[:1] or labels.min() < 0):
        raise DataError(f"{path}: labels must be [{len(samples)}] whole numbers from 0, one per sample.")
    return Points(name, samples, labels)
