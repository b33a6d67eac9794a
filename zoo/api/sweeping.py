"""Many runs from Python, as `zoo sweep` trains them on this machine.

done = zoo.sweep(["ns", "unrolled"], ["ring", "grid"], {"k": [1, 5]}, seeds=16)
done.compare("reverse_kl", data="ring")
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.ambient import undisturbed
from zoo.api.comparing import Compared, compare
from zoo.api.results import Result, Shown, folder_named, paragraphs, several, whole_number
from zoo.api.running import open_run
from zoo.errors import ZooError, briefly, counted
from zoo.extending import plugins as extending
from zoo.progress import sweeping
from zoo.progress.terminal import terminal
from zoo.sweeps import grid as grids
from zoo.sweeps.grid import label
from zoo.sweeps.local import Local
from zoo.sweeps.sweep import Sweep, finished
from zoo.sweeps.worker import Setup, Status

if TYPE_CHECKING:
    import pandas
    import torch

    from zoo.runs.cell import Cell


@dataclass(frozen=True)
class Failure:
    """A cell that could not be trained."""

    cell: str
    """``unrolled k=5 on ring``."""
    why: str
    """In a sentence."""
    file: Path
    """Where more is told: its traceback."""


@dataclass(frozen=True)
class Swept(Shown):
    """What became of a sweep's cells, in their order; a notebook shows them compared."""

    out: Path
    results: list[Result]
    """The finished ones, in this call and before."""
    failures: list[Failure]
    left: list[str]
    """The others: another process trains them."""

    @property
    def verdict(self) -> list[str]:
        """How many cells are finished, and what became of each other one."""
        of = len(self.results) + len(self.failures) + len(self.left)
        told = [f"{len(self.results)} of {counted(of, 'cell')} finished, in {self.out}."]
        told += [f"{failure.cell} failed: {failure.why} More is in {failure.file}." for failure in self.failures]
        return told + [f"{cell} is left to another process." for cell in self.left]

    def compare(
        self,
        metric: str | None = None,
        *,
        data: str | Path | None = None,
        reference: str | None = None,
        equal: str | None = None,
    ) -> Compared:
        """The finished cells against one another: ``zoo.compare`` of them."""
        if not self.results:
            raise ZooError(f"No cell of this sweep is finished: {' '.join(self.verdict[1:])}")
        return compare(self.results, metric, data=data, reference=reference, equal=equal)

    def table(self) -> pandas.DataFrame:
        """One row per finished cell, best first: ``compare().table()``."""
        return self.compare().table()

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def _repr_html_(self) -> str:
        told = paragraphs(self.verdict)
        if not self.results:
            return told
        try:
            return f"{told}\n{self.compare()._repr_html_()}"
        except ZooError as error:  # of data on which nothing was measured
            return f"{told}\n{paragraphs([str(error)])}"


@undisturbed()
def sweep(
    variants: str | Sequence[str],
    data: str | Path | Sequence[str | Path] | None = None,
    grid: Mapping[str, Any] | None = None,
    *,
    seeds: str | int | Sequence[int] = 8,
    recipe: str | Path | None = None,
    protocol: str | None = None,
    data_root: str | Path | None = None,
    out: str | Path = "runs",
    device: str | torch.device = "auto",
    jobs: int | None = None,
    tf32: bool = False,
    plugins: str | Path | Sequence[str | Path] = (),
    track: bool = False,
    progress: bool = True,
) -> Swept:
    """Train every variant on every data set with every value of every option that it has, in processes of this machine, as `zoo sweep` does.

    The same call again skips cells that are finished and goes on with those that are begun (docs/sweeps.md); a failing cell stops nothing.
    Ctrl-C lets the running cells save their checkpoints, and raises ``KeyboardInterrupt``; twice: at once.

    Args:
        data: unless named, the recipe's own, else ring.
        grid: options of the variants and fields of the recipe, each with a value or a list: ``{"k": [1, 5], "rounds": 2000}``.
        seeds: of every cell, side by side.
        recipe: for all; by default each data set's own.
        out: the folder of all runs.
        jobs: cells at a time; by default one per core, or per GPU.
        plugins: files with variants, data sets or metrics of your own. The processes do not see what a notebook registers.
        track: log finished runs to MLflow in the end.
        progress: tell of each cell when it ends; of failures it is told in any case.

    Raises ``ZooError`` for anything that is not right, before a file is written.
    """
    folder = folder_named(out)
    if not isinstance(grid, Mapping | None) or not all(isinstance(name, str) for name in grid or {}):
        raise ZooError(f'grid is a table of options and their values, such as {{"k": [1, 5]}}, not {briefly(grid)}.')
    files = loaded(plugins)
    wanted = grids.Grid(
        several("variants", variants, str),
        () if data is None else tuple(map(str, several("data", data, str | Path))),
        grids.values_of(grid or {}),
        seeds,
        None if recipe is None else str(recipe),
        protocol,
        None if data_root is None else str(data_root),
    )
    if data is not None and not wanted.data:
        raise ZooError("Which data? `zoo list datasets` shows them; unless told, the recipe's own, else ring.")
    cells = grids.cells(wanted)
    made = trained(cells, folder, files, device, jobs, tf32, progress)
    for failure in made.track() if track else ():
        print(f"zoo: {failure}", file=sys.stderr)
    return swept(made, cells)


def loaded(plugins: str | Path | Sequence[str | Path]) -> list[str]:
    """The user's own files, loaded here as the processes will load them."""
    files = [str(Path(file).absolute()) for file in several("plugins", plugins, str | Path)]
    for file in files:
        extending.load_file(file)
    return files


def trained(
    cells: Sequence[Cell],
    out: Path,
    files: Sequence[str],
    device: str | torch.device,
    jobs: int | None,
    tf32: bool,
    progress: bool,
) -> Sweep:
    """These cells brought to their end by processes of this machine. ``KeyboardInterrupt`` after Ctrl-C, when all is saved."""
    at_once = None if jobs is None else whole_number("jobs", jobs, 1)
    needed = extending.needed({cell.variant for cell in cells}, {cell.data for cell in cells})
    setup = Setup(plugins=tuple(dict.fromkeys([*files, *needed])), tf32=tf32)
    made = Sweep(cells, out, Local(str(device), at_once, setup, len(cells)))
    if progress:
        made.heard = sweeping.aloud
    sweeping.foretell(made, str(device))
    if made.left and sweeping.play(made, terminal(), "The same call goes on with them.") == sweeping.STOPPED:
        raise KeyboardInterrupt
    return made


def swept(made: Sweep, cells: Sequence[Cell]) -> Swept:
    """What became of the cells, in their order."""
    failed = {outcome.cell.key: outcome.error for outcome in made.of(Status.FAILED)}
    swept = Swept(made.out, [], [], [])
    for cell in cells:
        folder = made.folder_of(cell)
        if cell.key in failed:
            swept.failures.append(Failure(label(cell), failed[cell.key], made.told_of(cell)))
        elif not finished(folder):
            swept.left.append(label(cell))
        else:
            try:
                swept.results.append(open_run(folder))
            except ZooError as error:  # finished once, and damaged since
                swept.failures.append(Failure(label(cell), str(error), folder))
    return swept
