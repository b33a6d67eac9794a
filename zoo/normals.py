"""Normal numbers as PyTorch draws them on a CPU, in a third of the time: the same bits from the same generator.

PyTorch asks its Mersenne twister for one word at a time, 2.8 of the 3.1 ns of a number. Where there is a C++ compiler, ``normals.cpp`` makes
624 words at a time and hands them to PyTorch's own sine and logarithm: 1.1 ns.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from zoo import native

SHORT = 4096
"""Fewer numbers than this are left to PyTorch: taking the generator's state and putting it back costs 10 us."""
FLAGS = ("-march=native", "-DCPU_CAPABILITY_AVX2")


def fill(into: Tensor, generator: torch.Generator) -> Tensor:
    """``into.normal_(generator=generator)``."""
    plain = into.dtype == torch.float32 and into.device.type == "cpu" and into.is_contiguous()
    made = fast() if plain and into.numel() >= SHORT else None
    if made is None:
        return into.normal_(generator=generator)
    _play(made, into, generator)
    return into


@cache
def fast() -> Callable[[int, int, int], None] | None:
    """Ours, where it can be compiled and its numbers are PyTorch's."""
    library = native.library(Path(__file__).with_suffix(".cpp"), *FLAGS)
    if library is None:
        return None
    made: Callable[[int, int, int], None] = library.fill
    library.fill.argtypes, library.fill.restype = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p], None
    return made if _agrees(made) else None


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
