"""What trains the cells of a sweep: on this machine, as jobs of Slurm, as tasks of Ray.

Cells go in, run directories come out; workers write files and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo.errors import ZooError, unknown
from zoo.sweeps.worker import Outcome, Setup

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


@dataclass(frozen=True)
class Wanted:
    """What was said about where cells are trained."""

    device: str = "auto"
    jobs: int | None = None
    cells: int | None = None
    """How many there are."""
    setup: Setup = field(default_factory=Setup)
    out: Path = Path("runs")
    job: Mapping[str, str] = field(default_factory=dict)
    """Of Slurm: what a job gets."""
    address: str | None = None
    """Of a Ray cluster."""
    gpus_per_cell: float | None = None


def choose(on: str, wanted: Wanted) -> Executor:
    """The executor of this name. ``ZooError`` where there is none such, or where what it needs is not there. Writes nothing."""
    from zoo.sweeps.local import Local
    from zoo.sweeps.ray_cluster import Ray
    from zoo.sweeps.slurm import Slurm

    w = wanted
    made: dict[str, Callable[[], Executor]] = {
        "local": lambda: Local(w.device, w.jobs, w.setup, w.cells),
        "slurm": lambda: Slurm(w.device, w.jobs, w.setup, w.out, w.job),
        "ray": lambda: Ray(w.device, w.jobs, w.setup, w.out, w.address, w.gpus_per_cell),
    }
    if on not in made:
        raise unknown("executor", on, made)
    if w.job and on != "slurm":
        raise ZooError("--job says what a job of Slurm gets; it needs --on slurm.")
    if (w.address or w.gpus_per_cell) and on != "ray":
        raise ZooError("--address and --gpus-per-cell are for Ray; they need --on ray.")
    return made[on]()
