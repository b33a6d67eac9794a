"""Memory that a round frees stays the process's own: pages are not paid for again; cycles are looked for seldom until training."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from zoo import heap

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


AFTER = """
import threading
import torch
from zoo import heap
def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20
heap.keep_freed()
kept = []
def work():
    many = [torch.ones(2**20) for _ in range(60)]  # 240 MB
    kept.append(torch.ones(64))  # above them: what lies beneath stays the heap's
thread = threading.Thread(target=work)
thread.start()
thread.join()
before = held()
heap.give_back()
print(before - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own habit")
def test_what_a_thread_freed_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", AFTER], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 150


def test_the_collector_rests_until_training_and_is_then_as_it_was() -> None:
    usual = gc.get_threshold()
    try:
        gc.set_threshold(123, 4, 5)
        heap.collect_as_usual()  # of a program that uses the library nothing is changed
        assert gc.get_threshold() == (123, 4, 5)
        heap.collect_seldom()
        assert gc.get_threshold() > (10_000, 4, 5)
        heap.collect_as_usual()
        heap.collect_as_usual()
        assert gc.get_threshold() == (123, 4, 5)
    finally:
        gc.set_threshold(*usual)


COMMAND = """
import gc, sys
from zoo import harness
from zoo.cli import app as cli
usual = gc.get_threshold()
advance = harness.Game.advance
def told(*given):
    assert gc.get_threshold() == usual
    print("as usual")
    advance(*given)
harness.Game.advance = told
engine = harness.Game.build
def build(*given):
    assert gc.get_threshold() > usual
    return engine(*given)
harness.Game.build = build
sys.argv = ["zoo", "run", "ns", "--rounds", "2", "--seeds", "1", "--no-track", "--quiet", "--out", sys.argv[1]]
cli.main()
"""


def test_a_command_starts_so_and_trains_as_usual(tmp_path) -> None:
    done = subprocess.run([sys.executable, "-c", COMMAND, str(tmp_path / "run")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "as usual" in done.stdout
