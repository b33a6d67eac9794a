"""Many cells, here or wherever an executor trains them: which are left, who has which, what became of them.

Every cell has a folder named by the hash of what decides its result, so a sweep can be begun again at any time: finished cells are
skipped, begun ones go on from their checkpoints. Leases (``zoo.sweeps.leases``) keep several sweeps in one folder out of each other's way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import ZooError
from zoo.files import write_text
from zoo.runs.cell import Cell
from zoo.runs.rundir import DONE
from zoo.sweeps.executor import Executor
from zoo.sweeps.leases import NOTES, STALE, Leases, State
from zoo.sweeps.worker import Outcome, Status

LOOK = 2.0
"""Seconds between two looks at cells that other processes hold."""


def folder_of(cell: Cell, out: Path) -> Path:
    """``<out>/<data>/<variant>/<key>``."""
    return out / cell.place / cell.key


def finished(folder: Path) -> bool:
    """Whether a cell's folder holds a finished run."""
    return (folder / DONE).exists()


def parse_shard(text: str) -> tuple[int, int]:
    """ "2/4" -> (2, 4): the second of four. ``ZooError`` otherwise."""
    first, _, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return int(first), int(second)
    raise ZooError(f"--shard takes which of how many, such as 1/4, not '{text}'.")


def in_turn(cells: Sequence[Cell], shard: tuple[int, int]) -> list[Cell]:
    """The cells in the order in which shard i of n takes them: its own share, then the shares of those after it."""
    which, of = shard
    return [cell for step in range(of) for cell in cells[(which - 1 + step) % of :: of]]


@dataclass
class Sweep:
    """Cells being trained into ``out``. ``run()`` yields their outcomes; ``held`` are the cells that others hold in the end."""

    cells: Sequence[Cell]
    out: Path
    executor: Executor
    stale: float = STALE
    heard: Callable[[str], None] = lambda sentence: None
    """Called with a sentence that a person may want to know."""
    outcomes: list[Outcome] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Who holds the cells that were left to others: ``host:pid``, one for each cell."""
    _stopping: bool = False

    def folder_of(self, cell: Cell) -> Path:
        return folder_of(cell, self.out)

    def told_of(self, cell: Cell) -> Path:
        """Where the traceback of a failed cell is kept."""
        return self.out / NOTES / f"{cell.key}.failed.txt"

    @property
    def left(self) -> list[Cell]:
        """The cells that are not finished."""
        return [cell for cell in self.cells if not finished(self.folder_of(cell))]

    @property
    def ended(self) -> list[Cell]:
        """The cells that are finished."""
        return [cell for cell in self.cells if finished(self.folder_of(cell))]

    def stop(self) -> None:
        """Begin no further cell; let those that run checkpoint and end."""
        self._stopping = True
        self.executor.stop()

    def of(self, status: Status) -> list[Outcome]:
        """The outcomes of one kind."""
        return [outcome for outcome in self.outcomes if outcome.status is status]

    def run(self) -> Generator[Outcome]:
        """Train what is left; a failing cell stops nothing. Cells of processes that die meanwhile are taken over."""
        left = self.left
        with self._at_work():
            self._failed_before = {cell.key for cell in left if self._state(cell.key) is State.FAILED}
            for cell in left:
                if self._state(cell.key) is State.DONE:
                    self._claims.forget(cell.key)  # it was done once, and its results have gone
            while left and not self._stopping:
                held: list[Cell] = []
                for outcome in self.executor.map(self._claimed(left, held), self.folder_of):
                    self._note(outcome)
                    yield outcome
                left = self._watch(held)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """The executor open, the claims renewed. It is closed before they end, when others may take its cells, and where none can be made."""
        with ExitStack() as unclaimed:
            self.executor.open()
            unclaimed.callback(self.executor.close)
            self._claims = Leases(self.out / NOTES, self.stale, self.executor.drop, self.executor.here)
            with self._claims, unclaimed.pop_all():
                yield

    def _state(self, key: str) -> State | None:
        newest = self._claims.newest(key)
        return newest.state if newest else None

    def _claimed(self, cells: Sequence[Cell], held: list[Cell]) -> Iterator[Cell]:
        """The cells that could be claimed, claimed when they are asked for; those that others hold go into ``held``."""
        for cell in cells:
            key, state = cell.key, self._state(cell.key)
            if state is State.DONE or (state is State.FAILED and key not in self._failed_before):
                continue  # by another shard, meanwhile; it tells of its own failures
            if not self._claims.take(key):
                held.append(cell)
            elif finished(self.folder_of(cell)):
                self._claims.end(key, State.DONE)
            else:
                self._failed_before.discard(key)
                yield cell

    def _note(self, outcome: Outcome) -> None:
        """Keep what became of a cell, for this process and for others."""
        self.outcomes.append(outcome)
        key, failed = outcome.cell.key, outcome.status is Status.FAILED
        told = self.told_of(outcome.cell)
        if failed:
            write_text(told, f"{outcome.error}\n\n{outcome.details}")
        elif outcome.status is Status.DONE:
            told.unlink(missing_ok=True)
        if outcome.status is not Status.LOST:
            ends = {Status.DONE: State.DONE, Status.FAILED: State.FAILED, Status.INTERRUPTED: State.GIVEN_UP}
            self._claims.end(key, ends[outcome.status])

    def _watch(self, cells: list[Cell]) -> list[Cell]:
        """Wait until some of these cells, which others hold, can be had; those whose holder shows that it is alive are left to it."""
        began = time.monotonic()
        if cells and not self._stopping:
            self.heard(
                f"{len(cells)} cells are claimed by others; looking whether those are alive (at most {self.stale:g} s)."
            )
        while cells and not self._stopping:
            claims = {cell.key: self._claims.newest(cell.key) for cell in cells}
            free = [cell for cell in cells if (c := claims[cell.key]) is None or c.state is not State.HELD]
            if free:
                return cells
            watched = time.monotonic() - began
            alive = [cell for cell in cells if (c := claims[cell.key]) and c.age < watched - LOOK]
            self.held += [f"{c.host}:{c.pid}" for cell in alive if (c := claims[cell.key])]
            cells = [cell for cell in cells if cell not in alive]
            time.sleep(min(LOOK, self.stale / 8))
        return []

    def track(self) -> list[str]:
        """Log every finished cell that has not been logged to this store; returns a sentence for each that failed."""
        from zoo import tracking

        store, failures = tracking.uri(self.out), []
        for cell in self.cells:
            folder, logged = self.folder_of(cell), self.out / NOTES / f"{cell.key}.tracked"
            if finished(folder) and not (logged.exists() and logged.read_text(encoding="utf-8") == store):
                failure = tracking.try_log(folder, self.out)
                if failure:
                    failures.append(failure)
                else:
                    write_text(logged, store)
        return failures
