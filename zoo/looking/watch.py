"""`zoo watch`: a run while it goes on, from the files that it writes, as a page on this machine's loopback or in the terminal.

A run writes a checkpoint at every evaluation; it holds every measurement so far and the samples for the film. Nothing is asked of the
training process, so watching may begin and end at any time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.errors import ZooError
from zoo.runs import rundir
from zoo.runs.naming import data_name
from zoo.runs.rundir import Run

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

CHECKPOINT = "checkpoint.safetensors"
MAIN = ("seed", "round", "modes", "high_quality", "reverse_kl")
EVERY = 0.5
"""Seconds between two looks at the files."""
Stamp = tuple[int, int, int]
"""Which file it is, when it was written, and its size."""


@dataclass(frozen=True)
class State:
    """What is known of a run: its rows of metrics.csv so far, and samples ``[R, S, N, *data]`` over its rounds."""

    run: Run | None = None
    rows: list[dict[str, float]] = field(default_factory=list)
    film: NDArray[np.float32] | None = None
    filmed: list[int] = field(default_factory=list)
    """The rounds ``[R]`` of the film: of a long run not every evaluation's."""
    read: Stamp | None = None
    """Of the checkpoint that it was read from."""

    @property
    def rounds(self) -> list[int]:
        return sorted({int(row["round"]) for row in self.rows})

    @property
    def status(self) -> str:
        if self.run is None:
            return "waiting for the run to begin"
        if (self.run.path / rundir.DONE).exists():
            return "done"
        if (self.run.path / rundir.INTERRUPTED).exists():
            return f"interrupted; zoo run --resume {self.run.path} goes on"
        return "training" if self.rows else "training; numbers and pictures come with its first evaluation"

    @property
    def done(self) -> bool:
        return self.status == "done"

    def told(self) -> dict[str, Any]:
        """For the page: status, and each seed's last measurements."""
        known: dict[str, Any] = {"status": self.status, "round": self.rounds[-1] if self.rows else 0}
        if self.run is None:
            return known | {"title": "a run", "rounds": 0, "columns": [], "seeds": []}
        columns = [k for k in (self.rows[-1] if self.rows else {}) if "/" not in k or k.startswith("loss/")]
        last = [row for row in self.rows if row["round"] == known["round"]]
        seeds = [[_short(row[k]) for k in columns] for row in last]
        return known | {
            "title": f"{self.run.label} on {data_name(self.run.data)}",
            "rounds": self.run.rounds,
            "columns": columns,
            "seeds": seeds,
        }

    @cached_property
    def data(self) -> Any:
        """The run's data set, or None where it is not here."""
        from zoo.looking.report_parts import data_of

        return data_of(self.run) if self.run else None


def _short(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def check(folder: Path) -> None:
    """``ZooError`` when there is something at ``folder`` that is no run; where there is nothing yet, a run may begin."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        rundir.read(folder)


def look(folder: Path, last: State | None = None) -> State:
    """The state of the run in ``folder``, from its last checkpoint, or from its results where that is gone.

    ``last``: what was seen before, returned again while the checkpoint is the same: a film is some 40 MB to read.
    """
    if not (folder / rundir.CONFIG).exists():
        return State()
    if (folder / CHECKPOINT).exists():
        found = (folder / CHECKPOINT).stat()
        stamp = found.st_ino, found.st_mtime_ns, found.st_size
        return last if last and last.read == stamp else _from_checkpoint(rundir.read(folder), stamp)
    run = rundir.read(folder)
    if not run.finished:
        return State(run)
    table = run.table
    rows = [{k: float(v[i]) for k, v in table.items()} for i in range(len(table["round"]))]
    kept = run.arrays("history", "rounds")
    return State(run, rows, kept.get("history"), kept.get("rounds", np.zeros(0)).tolist())


def _from_checkpoint(run: Run, stamp: Stamp) -> State:
    from safetensors import SafetensorError, safe_open

    from zoo.runs.film import film_rounds

    try:
        with safe_open(run.path / CHECKPOINT, framework="np") as file:
            rows = json.loads(file.get_tensor("notes").tobytes())["rows"]
            frames = sum(key.startswith("extra/film/") for key in file.keys())  # noqa: SIM118 (no mapping)
            kept = [file.get_tensor(f"extra/film/{i}") for i in range(frames)]
            film = np.stack(kept) if kept else None  # it was stopped before its first evaluation
    except (OSError, SafetensorError, ValueError) as error:
        raise ZooError(f"{run.path / CHECKPOINT} cannot be read as a checkpoint ({error}).") from error
    return State(run, rows, film, film_rounds(run.recipe)[:frames], stamp)


def states(folder: Path) -> Iterator[State]:
    """The run's state at every look, until it is done."""
    state = None
    while not (state := look(folder, state)).done:
        yield state
        time.sleep(EVERY)
    yield state


def in_terminal(folder: Path, console: Console) -> None:
    """The table of seeds, renewed until the run is done, or Ctrl-C."""
    from rich.live import Live

    check(folder)
    try:
        with Live(console=console, auto_refresh=False) as live:
            for state in states(folder):
                live.update(screen(state), refresh=True)
    except KeyboardInterrupt:
        pass


def screen(state: State) -> Table:
    """A row per seed: its last measurements (where modes are known the main ones, which fit), and bars of its modes over the evaluations."""
    from rich.table import Table

    from zoo.evaluation.checks import bars

    told = state.told()
    table = Table(title=f"{told['title']}: round {told['round']:,} of {told['rounds']:,}, {told['status']}")
    over_time = "modes" in told["columns"]
    shown = [i for i, k in enumerate(told["columns"]) if not over_time or k in MAIN or k.startswith("loss/")]
    for i in shown:
        table.add_column(told["columns"][i].replace("_", " "), justify="right")
    if over_time:
        table.add_column("modes over time", no_wrap=True)
    for cells, seed in zip(told["seeds"], state.run.seeds if state.run else [], strict=False):
        history = [int(row["modes"]) for row in state.rows if row["seed"] == seed] if over_time else []
        table.add_row(*(cells[i] for i in shown), *([bars(history)] if over_time else []))
    return table
