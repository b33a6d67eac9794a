"""Memory that a round frees stays the process's own: pages are not paid for again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, sys
import torch
from zoo import heap
if sys.argv[1] == "kept":
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
    """16 tensors of 2 MB are 8,192 pages a round."""

    def faults(how: str) -> int:
        told = subprocess.run([sys.executable, "-c", ROUNDS, how], capture_output=True, text=True, check=True)
        return int(told.stdout)

    assert faults("kept") < 100 < faults("as usual")
