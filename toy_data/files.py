"""A user's own data from an ``.npz`` file: a mixture by its parameters, or plain samples, points or images."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from toy_data.errors import DataError, hint
from toy_data.images import Pixels, of_arrays
from toy_data.mixtures import Mixture
from toy_data.points import Points

MIXTURE = ("centres", "sigma", "covariances", "weights")
SAMPLES = ("samples", "labels")


def from_npz(path: Path) -> Mixture | Points | Pixels:
    """``centres [K, d]`` with ``sigma`` (a number, ``[K]`` or ``[K, d]``) or ``covariances [K, d, d]``, and ``weights [K]`` (else equal), make a
    ``Mixture``; ``samples [N, d]``, and ``labels [N]`` where known, make ``Points``; of more axes, ``Images``, or without labels ``Pixels``.

    Pickled arrays are refused: loading one would run its code. Raises ``DataError``.
    """
    arrays = _read(path)
    for key in arrays:
        if key not in MIXTURE + SAMPLES:
            raise DataError(f"{path} holds an array '{key}' that means nothing here; {hint(key, MIXTURE + SAMPLES)}")
    get = arrays.get
    if "centres" in arrays and arrays.keys() <= set(MIXTURE):
        return Mixture(
            path.stem, arrays["centres"], sigma=get("sigma"), covariances=get("covariances"), weights=get("weights")
        )
    if "samples" in arrays and arrays.keys() <= set(SAMPLES):
        make = of_arrays if arrays["samples"].ndim > 2 else Points
        return make(path.stem, arrays["samples"], get("labels"))
    raise DataError(
        f"{path} holds {', '.join(arrays) or 'nothing'}; it needs centres [K, d] with sigma or covariances [K, d, d] and weights [K], "
        "or else samples, points [N, d] or images [N, c, h, w] of bytes, with labels [N] where they are known."
    )


def why(path: Path, error: Exception) -> str:
    """Why NumPy could not read a file, in words of ours: it takes whatever is no file of its own for pickled objects, and tells how to load them."""
    told = str(error).split("\n")[0].rstrip(".")
    if path.suffix == ".npz" and not zipfile.is_zipfile(path):
        return "it is no whole .npz file"
    if "allow_pickle" not in told:
        return told
    return "it holds pickled objects" if told.startswith("Object arrays") else f"it is no {path.suffix} file"


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except Exception as error:  # a damaged file makes numpy and zipfile raise a dozen kinds
        raise DataError(
            f"{path} cannot be read as plain arrays ({why(path, error)}); write it with numpy.savez and arrays of numbers."
        ) from error
    for key, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise DataError(f"The array '{key}' of {path} is of type {array.dtype}; it needs numbers.")
    return {key: _tensor(key, array) for key, array in arrays.items()}


def _tensor(key: str, array: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
    """Labels keep their kind, so that 1.5 can be refused, as images do; all else is computed in float64."""
    kept = key == "labels" or (key == "samples" and array.ndim > 2)
    if kept and array.dtype == np.uint8:
        return torch.from_numpy(array)
    return torch.from_numpy(array.astype(np.int64 if kept and array.dtype.kind in "iu" else np.float64))
