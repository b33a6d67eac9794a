"""Where the cells of a sweep are trained: on this machine, as jobs of Slurm, as tasks of Ray."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import ZooError, unknown
from zoo.sweeps.executor import Executor
from zoo.sweeps.worker import Setup


@dataclass(frozen=True)
class Wanted:
    """What was said about where cells are trained."""

    device: str = "auto"
    jobs: int | None = None
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
        "local": lambda: Local(w.device, w.jobs, w.setup),
        "slurm": lambda: Slurm(w.device, w.jobs, w.setup, w.out, w.job),
        "ray": lambda: Ray(w.device, w.jobs, w.setup, w.out, w.address, w.gpus_per_cell),
    }
    if on not in made:
        raise unknown("executor", on, made)
    if w.job and on != "slurm":
        raise ZooError("--job says what a job of Slurm gets; it needs --on slurm.")
    if (w.address or w.gpus_per_cell) and on != "ray":
        raise ZooError("--address and --gpus-per-cell are of Ray; they need --on ray.")
    return made[on]()
