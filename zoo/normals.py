"""Normal numbers as PyTorch draws them on a CPU, in a third of the time: the same bits from the same generator.

PyTorch asks its Mersenne twister for one word at a time, 2.8 of the 3.1 ns of a number. Where there is a C++ compiler, half a second
compiles ``normals.cpp``, which makes 624 words at a time and hands them to PyTorch's own sine and logarithm: 1.1 ns.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SHORT = 4096
"""Fewer numbers than this are left to PyTorch: taking the generator's state and putting it back costs 10 us."""

MANY = 6e8
"""Numbers whose drawing repays compiling twice, at 2 ns saved for each."""

_made: list[Callable[[int, int, int], None]] = []


def fill(into: Tensor, generator: torch.Generator) -> Tensor:
    """``into.normal_(generator=generator)``."""
    plain = into.dtype == torch.float32 and into.device.type == "cpu" and into.is_contiguous()
    if not (_made and plain and into.numel() >= SHORT):
        return into.normal_(generator=generator)
    _play(_made[0], into, generator)
    return into


def pays(numbers: int) -> bool:
    """Whether a run that draws so many should ``hasten``."""
    return numbers > MANY


@cache
def hasten(compiler: str) -> bool:
    """Whether ``fill`` is fast from here on, by this compiler: not where it fails, or where PyTorch's own numbers are others."""
    try:
        made = _compile(compiler)
    except (OSError, subprocess.SubprocessError):
        return False
    if _agrees(made):
        _made[:] = [made]
    return bool(_made)


def _compile(compiler: str) -> Callable[[int, int, int], None]:
    source, headers = Path(__file__).with_suffix(".cpp"), Path(torch.__file__).with_name("include")
    # a library that is loaded needs its file no more
    with tempfile.TemporaryDirectory(prefix="zoo-normals-") as folder:
        library = Path(folder) / "normals.so"
        told = ["-O3", "-march=native", "-DCPU_CAPABILITY_AVX2", f"-I{headers}", "-shared", "-fPIC"]
        subprocess.run([compiler, *told, str(source), "-o", str(library)], check=True, capture_output=True)
        made: Any = ctypes.CDLL(str(library)).fill
    made.argtypes, made.restype = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p], None
    return made


def _play(made: Callable[[int, int, int], None], into: Tensor, generator: torch.Generator) -> None:
    state = generator.get_state()
    made(into.data_ptr(), into.numel(), state.data_ptr())
    generator.set_state(state)


def _agrees(made: Callable[[int, int, int], None]) -> bool:
    """Whether it draws PyTorch's bits, twice in a row, and leaves the generator as PyTorch does."""
    ours, theirs = (torch.Generator().manual_seed(0) for _ in range(2))
    if ours.get_state().numel() < 24 + 8 * 624:
        return False
    for n in (5 * 624 + 7, 2**16):
        mine, own = torch.empty(n), torch.empty(n).normal_(generator=theirs)
        _play(made, mine, ours)
        if not torch.equal(mine.view(torch.int32), own.view(torch.int32)):
            return False
    return torch.equal(ours.get_state(), theirs.get_state())
