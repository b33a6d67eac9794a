"""By what one setting of a method is better than another: a figure per seed, of modes and quality together where both are measured."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import ZooError, unknown
from zoo.evaluation import available
from zoo.metrics.spec import goodness
from zoo.statistics import Values


@dataclass(frozen=True)
class Merit:
    """What stands beside the modes covered, and what a setting is chosen by: the highest mean of ``score`` over seeds."""

    metric: str
    title: str
    rule: str
    digits: int
    score: Callable[[Values, Values], Values]
    """Share of modes covered ``[S]`` (NaN where none are known) and the metric ``[S]`` to a figure per seed."""

    @property
    def compared(self) -> str:
        """The metric by which judged runs are put in order: that which chose. Beside modes a table has the high-quality share by itself."""
        return "modes" if self is SHARE else self.metric


SHARE = Merit(
    "high_quality",
    "high-quality share",
    "(share of modes covered) x (high-quality share)",
    2,
    lambda modes, share: modes * share,
)
FID = Merit("fid", "FID", "FID of our judge's features", 0, lambda modes, fid: -fid)
ONE_NN = Merit("one_nn", "1-NN accuracy", "1-NN accuracy, best near .5", 3, lambda modes, nn: -abs(nn - 0.5))
USUAL = (SHARE, FID, ONE_NN)
"""Where modes are known exactly; of labelled images; of other points, as that which comes nearest to seeing both what lacks and what scatters."""


def merit_of(measured: Collection[str], by: str | None = None) -> Merit:
    """The usual one for what is measured, or ``by`` a metric alone. ``ZooError`` for a metric that is not measured, and where none is usual."""
    if by is None:
        found = next((merit for merit in USUAL if merit.metric in measured), None)
        if found is None:
            usual = ", ".join(merit.metric for merit in USUAL)
            raise ZooError(f"None of {usual} is measured here; choose by another metric (--by): {', '.join(measured)}.")
        return found
    if by not in measured:
        raise unknown("metric", by, measured, "measured at the end of such a run")
    better = available.better(by)
    return Merit(by, by, f"{by}, {better}", 3, lambda modes, values: goodness(better, values))


def final(summary: dict[str, Any], name: str) -> Values:
    """A metric ``[S]`` at the end of a run; seeds that diverged have the worst: 0, or of a distance what a collapsed sampler has.

    Of a metric that falls below 0 (a plugin's log-likelihood) the lowest that there is: 0 would be better than any seed that did not diverge.
    """
    values = np.asarray(summary["metrics"][name]["per_seed"], float)
    collapsed = np.asarray(summary["reference"]["collapsed"][name], float)  # None where it has no number
    worst = np.nanmin([0.0, collapsed, *values]) if available.better(name) == "higher" else collapsed
    lost = np.isin(summary["seeds"], summary["diverged"]) | np.isnan(values)
    return np.where(lost, worst, values)


def scored(summary: dict[str, Any], merit: Merit) -> float:
    """The mean over seeds; higher is better."""
    quality = final(summary, merit.metric)
    held = summary["reference"]["data"].get("modes")
    share = final(summary, "modes") / held if held else np.full_like(quality, np.nan)
    return float(merit.score(share, quality).mean())
