"""Groups of seeds in threads: each worker plays the group that is furthest behind, for a while, and then the next one."""

from __future__ import annotations

import heapq
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def taking_turns_quickly() -> Iterator[None]:
    """A thread that waits for Python's lock asks for it after 0.1 ms rather than 5, which is a whole small round.

    With 5 ms, two cores trained 1.4 times the seeds of one on the ring (``ns``, batch 128); with 0.1 ms, 1.8 times.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def take_turns(reached: Sequence[int], turn: Callable[[int], int | None], workers: int) -> None:
    """Give every group its turns until it wants no more, so many groups at a time, the one that is furthest behind first.

    ``reached[i]`` is how far group ``i`` has come; ``turn(i)`` plays it for a while and says how far it is now, or ``None`` when it is done.
    After an exception nobody begins another turn.
    """
    waiting, lock, ended = sorted((at, i) for i, at in enumerate(reached)), threading.Lock(), threading.Event()
    threads = max(1, torch.get_num_threads() // workers)

    def work(_: int) -> None:
        torch.set_num_threads(threads)  # a new thread has one for each core, whatever the process was told
        while True:
            with lock:
                if not waiting or ended.is_set():
                    return
                _, i = heapq.heappop(waiting)
            try:
                at = turn(i)
            except BaseException:
                ended.set()
                raise
            if at is not None:
                with lock:
                    heapq.heappush(waiting, (at, i))

    with taking_turns_quickly(), ThreadPoolExecutor(workers) as pool:
        try:
            list(pool.map(work, range(workers)))
        except BaseException:  # Ctrl-C, too, is heard here: whoever plays ends its turn
            ended.set()
            raise
