"""Groups of seeds side by side in threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
