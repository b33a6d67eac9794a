"""Small sweeps for the tests: cells that train in a moment, and an executor that only pretends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from zoo.runs.cell import Cell
from zoo.runs.naming import words
from zoo.sweeps import grid
from zoo.sweeps.grid import Grid
from zoo.sweeps.sweep import Sweep
from zoo.sweeps.worker import Outcome, Status

TINY = {"rounds": (6,), "width": (8,), "batch": (16,), "every": (2,)}
PLUGIN = Path(__file__).with_name("sweep_variants.py")


def tiny(*variants: str, seeds: int = 2, **values: tuple) -> list[Cell]:
    return grid.cells(Grid(variants, grid=TINY | values, seeds=seeds))


class Inline:
    """An executor in this very process; ``act`` says what becomes of a cell."""

    slots, place, here = 1, "here", True

    def __init__(self, act: Callable[[Cell, Path], Outcome]) -> None:
        self.act, self.stopping, self.dropped = act, False, []

    def map(self, cells: Iterable[Cell], folder_of: Callable[[Cell], Path]) -> Iterator[Outcome]:
        for cell in cells:
            yield self.act(cell, folder_of(cell))
            if self.stopping:
                return

    def open(self) -> None: ...

    def stop(self) -> None:
        self.stopping = True

    def drop(self, key: str) -> None:
        self.dropped.append(key)

    def close(self) -> None: ...


def pretend(cell: Cell, folder: Path) -> Outcome:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "DONE").touch()
    return Outcome(cell, folder, Status.DONE, 1.0)


def done(made: Sweep) -> list[str]:
    """What was trained, by variant and options."""
    return [" ".join([o.cell.variant, *words(o.cell.options)]) for o in made.run() if o.status is Status.DONE]
