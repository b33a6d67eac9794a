"""Runs against one another, from their directories: robust means with intervals, seeds that collapsed, and what it all cost.

Per run over its seeds: the interquartile mean and its 95 % bootstrap interval, the median, the worst seed, and how many collapsed. Over a
reference run: the probability of improvement P(A > B) + P(A = B)/2 with its interval (Agarwal et al. 2021, arXiv:2108.13264), and the p value
of the Mann-Whitney test of it, after Holm's correction over all runs of the table. A seed without a number (diverged) counts as worse
than any number: leaving it out would flatter the method that lost it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError, unknown
from zoo.looking.caveats import clock, differences, left_out, scattered
from zoo.looking.labels import labels
from zoo.metrics.spec import BY_NAME
from zoo.metrics.spec import goodness as goodness_of
from zoo.runs import rundir
from zoo.runs.rundir import Run
from zoo.statistics import Interval, Values, holm, improvement, interval_of_iqm, iqm, shown

BASELINES = ("ns", "vanilla")
"""Variants that others are compared with unless a reference is named: the first of these that is there."""
BY_ROUND = ("loss/", "diagnostic/")
"""How names begin that are only in metrics.csv, slash and all; before any other name, what stands before a slash is MLflow's section."""


@dataclass(frozen=True)
class Row:
    """One run in the table. ``improvement`` and what follows it are None for the reference itself, and where there is none."""

    label: str
    path: str
    n: int
    diverged: int
    iqm: float
    ci95: Interval
    median: float
    worst: float
    worst_seed: int
    collapsed: int | None
    high_quality: float | None
    """The mean share of samples near a mode, where that was measured: modes covered do not tell noise that hits each of them."""
    scatters: bool
    """Whether that is below half of the data's own."""
    round: int
    improvement: float | None
    improvement_ci95: Interval | None
    p: float | None
    p_holm: float | None
    cost: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """The runs of one data set under one metric, best first; ``warnings`` say what makes them less comparable than they look."""

    data: str
    metric: str
    better: str
    modes: int | None
    """How many modes there are to cover, where that is known; a seed is *collapsed* when it covers half of them or fewer."""
    reference: str | None
    equal: str | None
    clock: str
    """The cost by which time is told: CPU seconds per seed, or wall seconds where a GPU trained."""
    rows: list[Row]
    samplers: dict[str, float]
    """What the reference samplers score."""
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    folders: Sequence[Path | str],
    metric: str | None = None,
    *,
    data: str | None = None,
    reference: str | None = None,
    equal: str | None = None,
) -> list[Comparison]:
    """A table for each data set among the finished runs at or below ``folders``; ``data`` keeps one.

    Unless a ``metric`` is named it is the modes, or the first that was measured. A run without it is named in a warning, and left out.
    ``reference`` is a run by its label or variant. ``equal`` names a cost (``cpu_seconds_per_seed``, ``D_updates``): every run is then read at its
    last evaluation within the cheapest run's budget, instead of at its end. ``ZooError`` where nothing is left to compare.
    """
    runs, damaged = rundir.read_all(folders)
    finished: dict[str, list[Run]] = defaultdict(list)
    unfinished: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        (finished if run.finished else unfinished)[run.data].append(run)
    if not finished:
        raise ZooError(
            f"None of the {len(runs)} runs is finished; zoo run --resume {runs[0].path} goes on with the first."
        )
    if data is not None and data not in finished:
        raise unknown("finished run of data set", data, finished)
    name = metric if metric is None or metric.startswith(BY_ROUND) else metric.rpartition("/")[2]
    chosen = finished if data is None else {data: finished[data]}
    found, without = {}, []
    for of, group in sorted(chosen.items()):
        wanted = name or next(
            (m for m in ("modes", *(m for run in group for m in run.metrics)) if _having(group, m)), "modes"
        )
        found[of] = having, wanted = _having(group, wanted), wanted
        without += [f"{run.path} is left out: it has no metric '{wanted}'." for run in group if run not in having]
    if not any(having for having, _ in found.values()):
        _final(next(iter(chosen.values()))[0], next(iter(found.values()))[1])  # says what there is instead
    return [
        _compare(having, left_out(unfinished[of]) + damaged + without, wanted, reference, equal)
        for of, (having, wanted) in found.items()
        if having
    ]


def _having(runs: list[Run], metric: str) -> list[Run]:
    """Those of the runs that measured it."""
    return [run for run in runs if metric in (run.table if metric.startswith(BY_ROUND) else run.metrics)]


def _compare(runs: list[Run], warned: list[str], metric: str, reference: str | None, equal: str | None) -> Comparison:
    better, declared = _better(runs, metric)
    scale = partial(goodness_of, better)
    nothing = -math.inf if scale(-math.inf) < scale(math.inf) else math.inf  # a seed without a number: worse than any
    finals = [_final(run, metric) for run in runs] if equal is None else _at_equal_cost(runs, metric, equal)
    values, rounds = [v for v, _ in finals], [r for _, r in finals]
    counted = [np.where(np.isnan(v), nothing, v) for v in values]
    goodness = [scale(v) for v in counted]
    named = labels(runs)
    base = _reference(named, runs, reference)
    against = _against(goodness, base)
    total = _modes(runs)
    shares = [_mean_then(run, "high_quality", at) for run, at in zip(runs, rounds, strict=True)]
    scatter = [
        share is not None and share < _of_data(run, "high_quality") / 2 for run, share in zip(runs, shares, strict=True)
    ]
    rows = [
        Row(
            label=named[i],
            path=str(run.path),
            n=len(values[i]),
            diverged=len(set(run.diverged) | {s for s, v in zip(run.seeds, values[i], strict=True) if math.isnan(v)}),
            iqm=float(iqm(counted[i])),
            ci95=shown(interval_of_iqm(counted[i]), len(values[i])),
            median=float(np.median(counted[i])),
            worst=float(counted[i][goodness[i].argmin()]),
            worst_seed=run.seeds[int(goodness[i].argmin())],
            collapsed=_collapsed(run, total, rounds[i]),
            high_quality=shares[i],
            scatters=scatter[i],
            round=rounds[i],
            **against[i],
            cost={k: v * rounds[i] / run.rounds for k, v in run.cost.items()},
        )
        for i, run in enumerate(runs)
    ]
    order = sorted(range(len(runs)), key=lambda i: (-float(iqm(goodness[i])), named[i]))
    samplers = {
        k: float(s[metric]) for k, s in (runs[0].summary.get("reference") or {}).items() if s.get(metric) is not None
    }
    told = {row.label: row.high_quality for row in rows if row.scatters and row.high_quality is not None}
    warnings = (scattered(told) if metric != "high_quality" else []) + differences(runs, named, equal) + warned
    if not declared:
        warnings.append(f"{metric} is not declared in zoo.metrics.spec: more is taken as better.")
    against_label = named[base] if base is not None else None
    ranked = [rows[i] for i in order]
    return Comparison(
        runs[0].data, metric, better, total, against_label, equal, clock(runs), ranked, samplers, warnings
    )


def _better(runs: list[Run], metric: str) -> tuple[str, bool]:
    """Which values of a metric are better, and whether it is declared so, or by the runs, of a plugin's."""
    told = (
        BY_NAME[metric].better if metric in BY_NAME else next(filter(None, (run.better(metric) for run in runs)), None)
    )
    return told or "higher", told is not None


def _final(run: Run, metric: str) -> tuple[Values, int]:
    if not metric.startswith(BY_ROUND):
        return run.values(metric), run.rounds
    rounds, _, _ = rundir.by_round(run.table, metric)
    return _at(run, metric, len(rounds) - 1)


def _at(run: Run, metric: str, evaluation: int) -> tuple[Values, int]:
    """The run's values at one of its evaluations, by number, and the round of it."""
    rounds, seeds, values = rundir.by_round(run.table, metric)
    lane = {int(seed): i for i, seed in enumerate(seeds)}
    return values[evaluation, [lane[s] for s in run.seeds]], int(rounds[evaluation])


def _at_equal_cost(runs: list[Run], metric: str, cost: str) -> list[tuple[Values, int]]:
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


def _against(goodness: list[Values], base: int | None) -> list[dict[str, Any]]:
    nothing = {"improvement": None, "improvement_ci95": None, "p": None, "p_holm": None}
    if base is None:
        return [nothing] * len(goodness)
    others = [i for i in range(len(goodness)) if i != base]
    found = {i: _improvement(goodness[i], goodness[base]) for i in others}
    adjusted = dict(zip(others, holm([found[i][2] for i in others]), strict=True)) if others else {}
    names = ("improvement", "improvement_ci95", "p")
    return [
        dict(zip(names, found[i], strict=True)) | {"p_holm": float(adjusted[i])} if i in found else nothing
        for i in range(len(goodness))
    ]


def _improvement(a: Values, b: Values) -> tuple[float, Interval, float]:
    chance, ends, p = improvement(a, b)
    return chance, shown(ends, min(len(a), len(b))), p


def _reference(named: list[str], runs: list[Run], wanted: str | None) -> int | None:
    """The index of the reference run: by label, or by a variant that stands once."""
    for name in BASELINES if wanted is None else (wanted,):
        matches = [i for i, label in enumerate(named) if label == name]
        matches = matches or [i for i, run in enumerate(runs) if run.variant == name]
        if len(matches) == 1 or (matches and wanted is None):
            return matches[0]
        if matches:
            raise ZooError(f"'{name}' names {len(matches)} runs; say which: {', '.join(named[i] for i in matches)}.")
    if wanted is not None:
        raise unknown("run to compare with", wanted, named)
    return None


def _of_data(run: Run, metric: str) -> float:
    """What the data itself scores under the run's protocol; NaN where the run does not say."""
    found = (run.summary.get("reference") or {}).get("data", {}).get(metric)
    return math.nan if found is None else float(found)


def _modes(runs: list[Run]) -> int | None:
    """How many modes a perfect sampler covers, where the runs say so."""
    known = [found for run in runs if not math.isnan(found := _of_data(run, "modes"))]
    return int(max(known)) if known else None


def _then(run: Run, metric: str, at: int) -> Values:
    """The run's values after a round at which it was evaluated."""
    if at == run.rounds:
        return run.values(metric)
    rounds, _, _ = rundir.by_round(run.table, metric)
    return _at(run, metric, int(np.flatnonzero(rounds == at)[0]))[0]


def _mean_then(run: Run, metric: str, at: int) -> float | None:
    """Over the seeds that have a number; None where none has."""
    values = _then(run, metric, at) if metric in run.metrics else np.array([])
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _collapsed(run: Run, total: int | None, at: int) -> int | None:
    """Seeds that cover half of the modes or fewer; those without a number do not cover them."""
    if total is None or "modes" not in run.metrics:
        return None
    return int((~(_then(run, "modes", at) > total / 2)).sum())
