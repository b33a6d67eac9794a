"""What trains the cells of a sweep, wherever it is. Cells go in, run directories come out; workers write files and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo.sweeps.worker import Outcome

if TYPE_CHECKING:
    from zoo.runs.cell import Cell

ATTEMPTS = 3
"""How often a cell is begun when the process that trains it dies (of memory, of a kill) before it is given up."""
PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""


class Executor(Protocol):
    """Trains cells, some at a time."""

    @property
    def place(self) -> str:
        """Where, in a few words."""

    @property
    def slots(self) -> int:
        """How many cells at a time."""

    @property
    def here(self) -> bool:
        """Whether cells are trained on this machine."""

    def open(self) -> None:
        """Get hold of what trains the cells. ``ZooError`` when that cannot be had; nothing has been written until then."""

    def map(self, cells: Iterable[Cell], folder_of: Callable[[Cell], Path]) -> Iterator[Outcome]:
        """Outcomes in the order in which cells end. ``cells`` is advanced only when there is a place for the next one."""

    def stop(self) -> None:
        """From any thread: begin no further cell, let those that run checkpoint and end."""

    def drop(self, key: str) -> None:
        """From any thread: end this cell at once; it belongs to another coordinator now."""

    def close(self) -> None:
        """End everything that still runs, at once."""


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
