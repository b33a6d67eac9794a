"""Ctrl-C while something trains: once, and it is asked to end well; twice, and it ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def asking(ask: Callable[[], None]) -> Iterator[list[int]]:
    """Ctrl-C (or SIGTERM) once calls ``ask``, twice raises ``KeyboardInterrupt``; the list has what came. Threads but the main one hear none."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def hear(signum: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(signum)
        ask()

    before = {s: signal.signal(s, hear) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
