"""What glibc does with memory that a round frees, and how often Python looks for cycles among what it holds."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

TRIM, MMAP = -1, -3
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of <malloc.h>."""


def keep_freed() -> None:
    """Let the process keep up to 64 MB of what it frees, for the next round to take.

    glibc gives free memory at the heap's end back to the system, and the next round pays for each of its pages again: 4 to 18 % of
    a round of unrolled at batch 512. Other C libraries, which have no such call, are left alone.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP, 2**25)
        mallopt(TRIM, 2**26)


def give_back() -> None:
    """Hand what lies free in the heap back to the system, once a run has ended.

    What threads freed glibc keeps by itself: 0.6 of 1.4 GB after a DCGAN's run, and 4 GB more after forty of them in one process.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


_usual: list[tuple[int, int, int]] = []


def collect_seldom() -> None:
    """Let Python's collector rest while a command starts: it looks through torch's modules again and again as they come, 0.5 s of 3.2."""
    _usual.append(gc.get_threshold())
    gc.set_threshold(50_000, 20, 100)


def collect_as_usual() -> None:
    """What was before ``collect_seldom``, if that was called: a cycle may hold large tensors once there are some."""
    while _usual:
        gc.set_threshold(*_usual.pop())
