"""Ctrl-C while a command is still importing what it needs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Ctrl-C ends the process here, as the signal does by itself: torch's import swallows ``KeyboardInterrupt``, and goes on with half of numpy.

    Nothing is written yet. A process that hears Ctrl-C otherwise, or not at all (``nohup``), goes on as it does.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
