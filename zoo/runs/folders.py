"""The folder of a run: a fresh one, that no other run has."""

from __future__ import annotations

import itertools
import shlex
from datetime import UTC, datetime
from pathlib import Path

from zoo.errors import ZooError
from zoo.runs.cell import Cell
from zoo.runs.rundir import CONFIG


def new_folder(cell: Cell, out: Path | None) -> Path:
    """A fresh folder for this run: ``out``, or ``runs/<data>/<variant>/<time>-<hash>``."""
    if out is not None:
        if out.exists() and not out.is_dir():
            raise ZooError(f"{out} is a file; --out names the folder that the run makes.")
        if out.exists() and any(out.iterdir()):
            goes_on = f"go on with `{shlex.join(['zoo', 'run', '--resume', str(out)])}`, or "
            hint = goes_on if (out / CONFIG).exists() else ""
            raise ZooError(f"{out} is there already and not empty; {hint}choose another --out.")
        return out
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return Path("runs") / cell.place / f"{stamp}-{cell.key}"


def claimed(folder: Path) -> Path:
    """This folder, made; where another run has it, begun in the same second, the first of ...-2, ...-3 that nobody has."""
    made = folder
    for i in itertools.count(2):
        try:
            made.mkdir(parents=True)
            break
        except FileExistsError:
            made = folder.with_name(f"{folder.name}-{i}")
    return made
