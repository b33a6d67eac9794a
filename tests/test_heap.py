"""Memory that a round frees stays the process's own: pages are not paid for again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource
import torch
from zoo import heap
heap.keep_freed()
def round_():
    [torch.zeros(2**19) for _ in range(16)]
for _ in range(5):
    round_()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    round_()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own habit")
def test_freed_memory_is_taken_again_without_faults() -> None:
    """16 tensors of 2 MB are 8,192 pages a round, which glibc by itself pays for again in about half of all processes."""
    running = [subprocess.Popen([sys.executable, "-c", ROUNDS], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    faults = [int(process.communicate(timeout=120)[0]) for process in running]
    assert max(faults) < 100
