"""What the report's template is given."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoo.runs.rundir import Run

if TYPE_CHECKING:
    from toy_data import Data


@dataclass(frozen=True)
class Picture:
    """``png`` in base64; ``alt`` says in words what the picture shows, for who cannot see it."""

    title: str
    caption: str
    alt: str
    png: str


@dataclass(frozen=True)
class Film(Picture):
    """``png`` holds ``count`` frames side by side; the page shows one at a time."""

    count: int


@dataclass(frozen=True)
class TableRow:
    cells: list[str]
    sampler: bool


@dataclass(frozen=True)
class Table:
    title: str
    caption: str
    head: list[str]
    rows: list[TableRow]


@dataclass(frozen=True)
class Section:
    """One data set."""

    id: str
    data: str
    protocol: str
    commands: list[str]
    verdicts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    films: list[Film] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Sentences about what is not shown, and why."""


def data_of(run: Run) -> Data | None:
    """The run's data set, or None where it is not here any more."""
    import toy_data

    try:
        return toy_data.load(run.source, run.config.get("data_root"), run.fingerprint).to("cpu")
    except toy_data.DataError:
        return None


def picture(title: str, note: str, alt: str, png: bytes) -> Picture:
    return Picture(title, note, alt, base64.b64encode(png).decode())
