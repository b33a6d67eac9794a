"""Runs against one another, from their directories: means with intervals, seeds that collapsed, and what it all cost.

Per run over its seeds: the mean and its 95 % bootstrap interval as in summary.json, the interquartile mean with its interval, the median, the
worst seed, and how many collapsed. The mean comes first: the interquartile mean leaves out the few seeds that collapse. Over a reference run:
the probability of improvement P(A > B) + P(A = B)/2 with its interval (Agarwal et al. 2021, arXiv:2108.13264), and the p value of the
Mann-Whitney test of it, after Holm's correction over all runs of the table. The mean leaves out a seed without a number (diverged), as
summary.json does; everywhere else it counts as worse than any number, in the order of the runs as the table's worst seed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError, unknown
from zoo.looking import reached
from zoo.looking.caveats import clock, differences, early, left_out, lost, scattered, undecided
from zoo.looking.labels import by_data, labels
from zoo.metrics.spec import BY_NAME, goodness
from zoo.runs import rundir
from zoo.runs.rundir import Run
from zoo.statistics import Interval, Values, bands, holm, improvement, interval_of_iqm, iqm, least_p, shown

BASELINES = ("ns", "vanilla")
"""Variants that others are compared with unless a reference is named: the first of these that is there."""


@dataclass(frozen=True)
class Row:
    """One run in the table. ``improvement`` and what follows it are None for the reference itself, and where there is none."""

    label: str
    path: str
    n: int
    diverged: int
    mean: float
    """Of the seeds that have a number, as ``ci95``."""
    ci95: Interval
    iqm: float
    iqm_ci95: Interval
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
    p_least: float | None
    """The smallest ``p_holm`` that so many seeds can give among so many runs, whatever comes out."""
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
    sampler_shares: dict[str, float]
    """Their shares of samples near a mode."""
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
    for of, group in by_data(runs).items():
        for run in group:
            (finished if run.finished else unfinished)[of].append(run)
    if not finished:
        raise ZooError(
            f"None of the {len(runs)} runs is finished; zoo run --resume {runs[0].path} goes on with the first."
        )
    chosen = {of: group for of, group in finished.items() if data in (None, of, group[0].data)}
    if not chosen:
        raise unknown("finished run of data set", str(data), finished)
    name = metric if metric is None or metric.startswith(reached.BY_ROUND) else metric.rpartition("/")[2]
    found, without = {}, []
    for of, group in sorted(chosen.items()):
        wanted = name or next(
            (m for m in ("modes", *(m for run in group for m in run.metrics)) if reached.having(group, m)), "modes"
        )
        found[of] = having, wanted = reached.having(group, wanted), wanted
        without += [f"{run.path} is left out: it has no metric '{wanted}'." for run in group if run not in having]
    if not any(having for having, _ in found.values()):
        reached.final(next(iter(chosen.values()))[0], next(iter(found.values()))[1])  # says what there is instead
    return [
        _compare(of, having, left_out(unfinished[of]) + damaged + without, wanted, reference, equal)
        for of, (having, wanted) in found.items()
        if having
    ]


@dataclass(frozen=True)
class Reading:
    """What a run's seeds have reached at the round at which it is read."""

    run: Run
    label: str
    values: Values
    """``[S]``, NaN for a seed without a number."""
    round: int
    better: str

    @cached_property
    def counted(self) -> Values:
        """The values, with a seed without one as worse than any number."""
        nothing = -math.inf if self.better == "higher" else math.inf
        return np.where(np.isnan(self.values), nothing, self.values)

    @cached_property
    def goodness(self) -> Values:
        """``counted`` on a scale on which more is better."""
        return goodness(self.better, self.counted)

    @property
    def missing(self) -> int:
        """Seeds without a number."""
        return int(np.isnan(self.values).sum())

    @cached_property
    def high_quality(self) -> float | None:
        """``Row.high_quality``"""
        return reached.mean_then(self.run, "high_quality", self.round)


def _compare(
    data: str, runs: list[Run], warned: list[str], metric: str, reference: str | None, equal: str | None
) -> Comparison:
    better, declared = _better(runs, metric)
    named = labels(runs)
    finals = [reached.final(r, metric) for r in runs] if equal is None else reached.at_equal_cost(runs, metric, equal)
    read = [Reading(run, label, *found, better) for run, label, found in zip(runs, named, finals, strict=True)]
    base = _reference(named, runs, reference)
    total = reached.modes_of(runs)
    middles = zip(*bands(_padded([one.values for one in read])), strict=True)
    against = _against([one.goodness for one in read], base)
    rows = [_row(*each, total) for each in zip(read, middles, against, strict=True)]
    places = _places([goodness(better, one.values) for one in read])
    order = sorted(
        range(len(read)), key=lambda i: (-places[i], read[i].missing, -(read[i].high_quality or 0), read[i].label)
    )
    ranked = [rows[i] for i in order]
    undeclared = [] if declared else [f"{metric} is not declared in zoo.metrics.spec: more is taken as better."]
    return Comparison(
        data=data,
        metric=metric,
        better=better,
        modes=total,
        reference=None if base is None else named[base],
        equal=equal,
        clock=clock(runs),
        rows=ranked,
        samplers=_samplers(runs[0], metric),
        sampler_shares=_samplers(runs[0], "high_quality"),
        warnings=[
            *(scattered(ranked) if metric != "high_quality" else []),
            *lost({read[i].label: f"{read[i].missing} of {len(read[i].values)}" for i in order if read[i].missing}),
            *(undecided(ranked, rows[base]) if base is not None else []),
            *(early({read[i].label: (read[i].run, read[i].round) for i in order}) if equal is not None else []),
            *differences(runs, named, equal),
            *warned,
            *undeclared,
        ],
    )


def _row(one: Reading, middle: tuple[float, float, float], against: dict[str, Any], total: int | None) -> Row:
    """``middle``: the mean and its interval; ``against``: how it stands to the reference; ``total``: the modes that there are."""
    run, n, share = one.run, len(one.values), one.high_quality
    mean, low, high = map(float, middle)
    without = {seed for seed, value in zip(run.seeds, one.values, strict=True) if math.isnan(value)}
    worst = int(one.goodness.argmin())
    return Row(
        label=one.label,
        path=str(run.path),
        n=n,
        diverged=len({*run.diverged} | without),
        mean=mean,
        ci95=shown((low, high), n - one.missing),
        iqm=float(iqm(one.counted)),
        iqm_ci95=shown(interval_of_iqm(one.counted), n),
        median=float(np.median(one.counted)),
        worst=float(one.counted[worst]),
        worst_seed=run.seeds[worst],
        collapsed=reached.collapsed(run, total, one.round),
        high_quality=share,
        scatters=share is not None and share < reached.of_data(run, "high_quality") / 2,
        round=one.round,
        **against,
        cost={k: v * one.round / run.rounds for k, v in run.cost.items()},
    )


def _padded(values: Sequence[Values]) -> Values:
    """Values of runs with different numbers of seeds in one table ``[R, S]``, NaN where a run has no more."""
    table = np.full((len(values), max(map(len, values))), math.nan)
    for row, seeds in zip(table, values, strict=True):
        row[: len(seeds)] = seeds
    return table


def _places(goodness: Sequence[Values]) -> list[float]:
    """The mean of each run by which they are ordered: a seed without a number counts as the worst finite one of the table."""
    everything = np.concatenate(goodness)
    worst = everything[np.isfinite(everything)].min(initial=math.inf)
    worst = worst if worst < math.inf else 0.0
    return [float(np.where(np.isnan(seeds), worst, seeds).mean()) for seeds in goodness]


def _samplers(run: Run, metric: str) -> dict[str, float]:
    """What the reference samplers score under the run's protocol."""
    told = run.summary.get("reference") or {}
    return {name: float(scores[metric]) for name, scores in told.items() if scores.get(metric) is not None}


def _better(runs: list[Run], metric: str) -> tuple[str, bool]:
    """Which values of a metric are better, and whether it is declared so, or by the runs, of a plugin's."""
    told = (
        BY_NAME[metric].better if metric in BY_NAME else next(filter(None, (run.better(metric) for run in runs)), None)
    )
    return told or "higher", told is not None


def _against(goodness: list[Values], base: int | None) -> list[dict[str, Any]]:
    names = ("improvement", "improvement_ci95", "p", "p_holm", "p_least")
    found: list[dict[str, Any]] = [dict.fromkeys(names) for _ in goodness]
    others = [i for i in range(len(goodness)) if i != base]
    if base is None or not others:
        return found
    told = [_improvement(goodness[i], goodness[base]) for i in others]
    adjusted = holm([p for *_, p in told]).tolist()
    least = holm([least_p(len(goodness[i]), len(goodness[base])) for i in others]).tolist()
    for i, *columns in zip(others, told, adjusted, least, strict=True):
        found[i] = dict(zip(names, (*columns[0], *columns[1:]), strict=True))
    return found


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
