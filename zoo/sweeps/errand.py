"""A cell for a machine that may not see the coordinator's files: it takes along what it needs, and its files come back.

A machine that sees the folder of runs writes there. One that does not trains in a folder of its own, which is still there when a
process that died is followed by another on the same machine, and returns the run's files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.files import write_bytes
from zoo.sweeps.worker import Outcome, Setup, train

if TYPE_CHECKING:
    from zoo.runs.cell import Cell


def read_files(folder: Path) -> dict[str, bytes]:
    """The files in ``folder`` by their paths inside it; none where it is not there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """The inverse of ``read_files``. DONE comes last, since it says that the others are there; config.json first, which says whose they are."""
    for name in sorted(files, key=lambda name: (name == "DONE", name != "config.json", name)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / name, files[name])


@dataclass(frozen=True)
class Errand:
    """One cell, and what a machine needs to train it."""

    cell: Cell
    folder: Path
    device: str
    setup: Setup
    mark: Path
    """A file beside the runs: who sees it writes into ``folder``."""
    plugins: Mapping[str, bytes]
    """The user's own files, each in a folder of its own, since two may have one name."""
    begun: Mapping[str, bytes]
    """What ``folder`` held when the cell was handed out."""
    at: Path = field(default_factory=Path.cwd)
    """Where the coordinator was started: what relative paths of data are relative to."""

    def run(self, stop: Callable[[], bool]) -> tuple[Outcome, dict[str, bytes]]:
        """Train the cell here; the outcome, and the run's files where the coordinator would not see them."""
        if self.at.is_dir():
            os.chdir(self.at)
        seen, copies = self.mark.exists(), self._own(str(os.getpid()))
        try:
            if seen and all(Path(file).is_file() for file in self.setup.plugins):
                apply(self.setup)
            else:
                write_files(self.plugins, copies)
                apply(replace(self.setup, plugins=tuple(str(copies / name) for name in self.plugins)))
            if seen:
                return train(self.cell, self.folder, self.device, stop, tf32=self.setup.tf32), {}
            return self._away(stop)
        finally:
            shutil.rmtree(copies, ignore_errors=True)

    def _away(self, stop: Callable[[], bool]) -> tuple[Outcome, dict[str, bytes]]:
        """Train in a folder of this machine's, which is there with all that was begun, or not at all."""
        folder = self._own(self.cell.key)
        if self.begun and not folder.exists():
            half = self._own(f"{self.cell.key}.new")
            shutil.rmtree(half, ignore_errors=True)
            write_files(self.begun, half)
            half.rename(folder)
        outcome = train(self.cell, folder, self.device, stop, tf32=self.setup.tf32)
        files = read_files(folder)
        shutil.rmtree(folder, ignore_errors=True)
        return outcome, files

    def _own(self, name: str) -> Path:
        """A folder for temporary files of this sweep."""
        return Path(tempfile.gettempdir()) / f"zoo-{self.mark.stem}-{name}"


@cache
def apply(setup: Setup) -> None:
    """Once in a process, which may train one cell after another."""
    setup.apply()
