"""Samples from anywhere, read into ``[S, N, *shape]``: .npy, .npz, .csv, .pt, or a folder of PNGs or JPEGs, its
sub-folders with it. Nothing read here can run code.

Every complaint is one sentence that says what was found and what is needed.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from toy_data import Data
from toy_data.files import why
from zoo.errors import ZooError
from zoo.runs.rundir import CONFIG

FEWEST = 20
"""Samples per seed below which nothing is computed."""
_KINDS = ".npy, .npz, .csv, .pt, or a folder of PNGs or JPEGs"
_LEVELS = (16, 255, 65_535)
"""The whitest of what images that begin at 0 are often kept as: scikit-learn's digits, 8 bits, 16 bits."""
_SLACK = 0.02  # of the range: what a network may overshoot


def read(path: Path) -> Tensor:
    """The array in ``path``, as float32 of whatever shape it has. ``ZooError`` where there is none."""
    if not path.exists():
        raise ZooError(f"There is no file or folder {path}.")
    if path.is_dir():
        return _folder(path)
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".txt": _csv, ".pt": _pt, ".pth": _pt}
    if path.suffix.lower() not in readers:
        raise ZooError(f"{path} is none of the kinds that samples are read from: {_KINDS}.")
    return readers[path.suffix.lower()](path)


def numbers(where: Path | str, array: Any) -> Tensor:
    """An array as float32; ``ZooError`` where what stands there holds no numbers."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        kind = getattr(array, "dtype", type(array).__name__)
        raise ZooError(f"{where} holds {kind} where samples are numbers.")
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, dtype=np.float32)
    _fits(where, bool((np.isinf(single) & np.isfinite(array)).any()))
    return torch.from_numpy(single)


def single(where: Path | str, x: Tensor) -> Tensor:
    """A tensor as float32; ``ZooError`` where it is no plain one, or its numbers are too large for that."""
    if x.layout is not torch.strided or x.is_nested or x.is_quantized or x.is_meta:
        raise ZooError(f"{where} is sparse, nested, quantized or empty of data; samples are a dense tensor of numbers.")
    found = x.float()
    _fits(where, bool((found.isinf() & x.isfinite()).any()))
    return found


def _fits(where: Path | str, overflows: bool) -> None:
    if overflows:
        raise ZooError(f"{where} holds numbers beyond 3.4e38, which are too large for 32-bit floats.")


def _npy(path: Path) -> Tensor:
    try:
        return numbers(path, np.load(path, allow_pickle=False))
    except ZooError:
        raise
    except (OSError, ValueError, EOFError, BadZipFile) as error:  # what begins as an .npz file is read as one
        raise ZooError(f"{path} cannot be read as an array of numbers ({why(path, error)}).") from error


def _npz(path: Path) -> Tensor:
    try:
        with np.load(path, allow_pickle=False) as file:
            names = list(file)
            name = "samples" if "samples" in names else names[0] if len(names) == 1 else None
            if name is None:
                raise ZooError(f"{path} holds the arrays {', '.join(names)}; name the one with the samples 'samples'.")
            return numbers(path, file[name])
    except ZooError:
        raise
    except Exception as error:  # a damaged file makes numpy, zipfile and zlib raise a dozen kinds
        raise ZooError(f"{path} cannot be read as arrays of numbers ({why(path, error)}).") from error


def _csv(path: Path) -> Tensor:
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    first = lines[0] if lines else ""
    comma = "," if "," in first else None

    def is_number(cell: str) -> bool:
        try:
            float(cell)
        except ValueError:
            return False
        return True

    header = bool(first.strip()) and not all(is_number(cell) for cell in first.split(comma))
    try:
        table = np.loadtxt(lines[header:], delimiter=comma, ndmin=2)
    except ValueError as error:
        raise ZooError(f"{path} cannot be read as rows of numbers: {str(error).split(';')[0].rstrip('.')}.") from error
    return numbers(path, table)


def _pt(path: Path) -> Tensor:
    import pickle

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle's protocol, before it is refused
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise ZooError(f"{path} cannot be read as a tensor with weights-only loading; save a plain tensor.") from error
    if isinstance(found, dict):
        found = found.get("samples")
    if not isinstance(found, Tensor) or found.is_complex():
        raise ZooError(f"{path} should hold a tensor, or a dictionary with a tensor 'samples'.")
    return single(path, found.detach())


def _folder(path: Path) -> Tensor:
    from toy_data import pictures

    files = pictures.below(path)
    if not files:
        raise ZooError(f"{path} is neither a run directory nor a folder with PNGs or JPEGs in it or further down.")
    if (run := next((p.parent for p in files if (p.parent / CONFIG).exists()), None)) is not None:
        raise ZooError(f"{path} holds runs further down, such as {run}; give one of them.")
    return torch.from_numpy(pictures.read(files).astype(np.float32)) / 127.5 - 1


def checked(samples: Tensor, data: Data) -> Tensor:
    """Samples from elsewhere as ``[S, N, *data.shape]``; ``ZooError`` for another shape, NaN, a wrong range of values, or fewer than 20."""
    x = shaped(samples, data)
    bad = int((~x.isfinite()).flatten(2).any(-1).sum())
    if bad:
        raise ZooError(f"{bad:,} of {x.shape[0] * x.shape[1]:,} samples hold NaN or infinite values.")
    if data.value_range is not None:
        _ranged(x, data.value_range, data.name)
    return x


def shaped(samples: Tensor, data: Data) -> Tensor:
    """Samples as ``[S, N, *data.shape]``, whatever their values: the zoo's own may diverge, and a standardised generator leaves the data's range."""
    x = _shaped(samples, tuple(data.shape), data.name)
    if x.shape[1] < FEWEST:
        raise ZooError(f"{x.shape[1]} samples are too few to judge; at least {FEWEST} are needed, better thousands.")
    return x


def _shaped(x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    had = tuple(x.shape)
    if shape[0] == 1 and len(shape) > 1 and had[1:] == shape[1:]:
        x = x[:, None]  # grey images [N, h, w]
    elif shape == (1,) and x.ndim == 1:
        x = x[:, None]
    elif x.ndim == 2 and had[1] == math.prod(shape):
        x = x.reshape(-1, *shape)  # flattened images [N, c h w]
    if len(shape) == 3:
        x = _channels(x, shape)
    if x.ndim == len(shape) + 1 and tuple(x.shape[1:]) == shape:
        return x[None]
    if x.ndim == len(shape) + 2 and tuple(x.shape[2:]) == shape:
        return x
    need = ", ".join(map(str, shape))
    raise ZooError(f"The samples have shape {list(had)}; '{name}' needs [N, {need}], or [seeds, N, {need}].")


def _channels(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Images ``[..., c, h, w]``, where the channels stand last, or grey ones are kept in three equal colours (as torchvision and JPEG do)."""
    channels, *size = shape
    if x.ndim > 3 and list(x.shape[-3:-1]) == size and x.shape[-1] in (1, 3, channels) and x.shape[-3:] != shape:
        x = x.movedim(-1, -3)
    if channels == 1 and x.ndim > 3 and list(x.shape[-3:]) == [3, *size]:
        first = x[..., :1, :, :]
        if (x - first).abs().max() <= 0.01 * (x.max() - x.min()):  # JPEG rounds
            return first
    return x


def _ranged(x: Tensor, limits: tuple[float, float], name: str) -> None:
    low, high = limits
    finite = x[x.isfinite()]
    if not finite.numel():
        return
    least, most, slack = float(finite.min()), float(finite.max()), _SLACK * (high - low)
    if least < low - slack or most > high + slack:
        white = next((level for level in _LEVELS if 1.5 < most <= level + 0.5), None) if least >= 0 else None
        hint = f"; divide by {white / 2:g} and subtract 1" if white else ""
        raise ZooError(f"The samples run from {least:g} to {most:g}, those of '{name}' from {low:g} to {high:g}{hint}.")
    if least >= low + (high - low) / 2 - 1e-6 and most > least:
        raise ZooError(
            f"The samples run from {least:g} to {most:g}, those of '{name}' from {low:g} to {high:g}; "
            "if yours run from 0 to 1, double them and subtract 1."
        )
