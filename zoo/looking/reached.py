"""What runs reached, seed by seed: in the end, at a round, or within the budget of the cheapest of them."""

from __future__ import annotations

import math

import numpy as np

from zoo.errors import ZooError, unknown
from zoo.runs import rundir
from zoo.runs.rundir import Run
from zoo.statistics import Values

BY_ROUND = ("loss/", "diagnostic/")
"""How names begin that are only in metrics.csv, slash and all; before any other name, what stands before a slash is MLflow's section."""


def having(runs: list[Run], metric: str) -> list[Run]:
    """Those of the runs that measured it."""
    return [run for run in runs if metric in (run.table if metric.startswith(BY_ROUND) else run.metrics)]


def final(run: Run, metric: str) -> tuple[Values, int]:
    """The run's last values ``[S]``, and the round of them."""
    if not metric.startswith(BY_ROUND):
        return run.values(metric), run.rounds
    rounds, _, _ = rundir.by_round(run.table, metric)
    return _at(run, metric, len(rounds) - 1)


def _at(run: Run, metric: str, evaluation: int) -> tuple[Values, int]:
    """The run's values at one of its evaluations, by number, and the round of it."""
    rounds, seeds, values = rundir.by_round(run.table, metric)
    lane = {int(seed): i for i, seed in enumerate(seeds)}
    return values[evaluation, [lane[s] for s in run.seeds]], int(rounds[evaluation])


def at_equal_cost(runs: list[Run], metric: str, cost: str) -> list[tuple[Values, int]]:
    """Each run's values at its last evaluation within the budget of the cheapest; cost grows evenly with rounds."""
    for run in runs:
        if cost not in run.cost:
            raise unknown("cost", cost, run.cost, f"in {run.path / rundir.SUMMARY}")
    budget = min(run.cost[cost] for run in runs)
    found = []
    for run in runs:
        rounds, _, _ = rundir.by_round(run.table, metric)
        affordable = np.flatnonzero(rounds <= run.rounds * budget / run.cost[cost] * (1 + 1e-9))
        if not len(affordable):
            told = f"{run.label} has no evaluation within the cheapest run's {budget:g} {cost}"
            raise ZooError(f"{told}; evaluate more often (--every), or compare at equal rounds.")
        found.append(_at(run, metric, int(affordable[-1])))
    return found


def of_data(run: Run, metric: str) -> float:
    """What the data itself scores under the run's protocol; NaN where the run does not say."""
    found = (run.summary.get("reference") or {}).get("data", {}).get(metric)
    return math.nan if found is None else float(found)


def modes_of(runs: list[Run]) -> int | None:
    """How many modes a perfect sampler covers, where the runs say so."""
    known = [found for run in runs if not math.isnan(found := of_data(run, "modes"))]
    return int(max(known)) if known else None


def then(run: Run, metric: str, at: int) -> Values:
    """The run's values after a round at which it was evaluated."""
    if at == run.rounds:
        return run.values(metric)
    rounds, _, _ = rundir.by_round(run.table, metric)
    return _at(run, metric, int(np.flatnonzero(rounds == at)[0]))[0]


def mean_then(run: Run, metric: str, at: int) -> float | None:
    """Over the seeds that have a number; None where none has."""
    values = then(run, metric, at) if metric in run.metrics else np.array([])
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def collapsed(run: Run, total: int | None, at: int) -> int | None:
    """Seeds that cover half of the modes or fewer; those without a number do not cover them."""
    if total is None or "modes" not in run.metrics:
        return None
    return int((~(then(run, "modes", at) > total / 2)).sum())
