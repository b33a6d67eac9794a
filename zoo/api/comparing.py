"""Runs against one another from Python, as `zoo compare` says it.

zoo.compare("runs", data="ring")
zoo.compare([first, second], "reverse_kl").table()
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from zoo.api.results import Result, Shown
from zoo.errors import ZooError, briefly
from zoo.looking import compare as comparing
from zoo.looking.compare import Comparison
from zoo.looking.sentences import verdicts
from zoo.looking.tables import caption, costs, legend, records, render, results
from zoo.runs.naming import data_name

if TYPE_CHECKING:
    import pandas

Runs: TypeAlias = str | Path | Result
"""A run, or a folder that holds some."""


@dataclass(frozen=True, repr=False)
class Compared(Shown):
    """Runs against one another, in a table for each of their data sets."""

    comparisons: list[Comparison]
    """One for each data set: the runs best first, the reference samplers, and what the table is of."""

    @property
    def verdict(self) -> list[str]:
        """A sentence for each run, best first; the name of the data stands before it where there are several."""
        return self._each(verdicts)

    @property
    def warnings(self) -> list[str]:
        """What makes the runs less comparable than they look, in sentences."""
        return self._each(lambda comparison: comparison.warnings)

    def table(self) -> pandas.DataFrame:
        """One row per run, best first, by its name (by data set and name where there are several); the columns of `zoo compare --format csv`."""
        import pandas

        rows = pandas.DataFrame([row for comparison in self.comparisons for row in records(comparison)])
        rows.insert(len(rows.columns) - 1, "path", rows.pop("path"))  # long, and seldom read
        return rows.set_index(["data", "run"] if len(self.comparisons) > 1 else "run")

    def text(self, style: str = "table") -> str:
        """What `zoo compare` prints, in a style of its: table, md, latex, csv or json."""
        return render(self.comparisons, style)

    def __repr__(self) -> str:
        return self.text()

    def _each(self, told: Callable[[Comparison], list[str]]) -> list[str]:
        several = len(self.comparisons) > 1
        return [f"{data_name(c.data)}: {line}" if several else line for c in self.comparisons for line in told(c)]

    def _tables(self) -> list[str]:
        import pandas

        (comparison,) = self.comparisons
        told = [f"<p><b>{html.escape(caption(comparison))}</b></p>"]
        for (_, *head), *body in (results(comparison), costs(comparison)):
            told.append(pandas.DataFrame([line[1:] for line in body], [line[0] for line in body], head).to_html())
        return told

    def _sentences(self) -> list[str]:
        (comparison,) = self.comparisons
        return [*self.verdict, *(f"Warning: {w}" for w in self.warnings), " ".join(legend(comparison))]

    def _repr_html_(self) -> str:
        if len(self.comparisons) == 1:
            return super()._repr_html_()
        return "\n".join(Compared([comparison])._repr_html_() for comparison in self.comparisons)


def compare(
    folders: Runs | Iterable[Runs] = "runs",
    metric: str | None = None,
    *,
    data: str | Path | None = None,
    reference: str | None = None,
    equal: str | None = None,
) -> Compared:
    """How do runs compare? Means over seeds with intervals, collapsed seeds, probability of improvement, cost, as `zoo compare` says them.

    Args:
        folders: a run (what ``zoo.run`` returned, or its folder), a folder that holds some, or several of either.
        metric: what is compared; by default the modes, or the first that was measured.
        data: the one data set to keep.
        reference: the run that others are compared with, by its label or variant; by default ns or vanilla, where one is there.
        equal: a cost, such as ``cpu_seconds_per_seed``: every run is read at its last evaluation within the cheapest one's budget.

    Raises ``ZooError`` with one sentence.
    """
    for what, name in (("metric", metric), ("data", data), ("reference", reference), ("equal", equal)):
        if not isinstance(name, str | None) and not (what == "data" and isinstance(name, Path)):
            raise ZooError(f"'{what}' is given by its name, as text, not by {briefly(name)}.")
    kept = None if data is None else str(data)
    return Compared(comparing.compare(_paths(folders), metric, data=kept, reference=reference, equal=equal))


def _paths(runs: Runs | Iterable[Runs]) -> Sequence[Path]:
    several = [runs] if isinstance(runs, str | Path | Result) or not isinstance(runs, Iterable) else list(runs)
    for run in several:
        if not isinstance(run, str | Path | Result):
            raise ZooError(f"What is compared is a folder of runs, or what zoo.run returned, not {briefly(run)}.")
    if not several:
        raise ZooError("There is no run to compare: the list is empty.")
    return [run.folder if isinstance(run, Result) else Path(run) for run in several]
