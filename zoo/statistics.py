"""What may be said about several seeds: intervals, robust means, and comparisons. There is no best-of-seeds here.

Follows Agarwal et al. 2021 (arXiv:2108.13264): the interquartile mean and the percentile bootstrap over seeds (``zoo.resampling`` has
them for many runs at once, and the probability of improvement). scipy does the work, and is imported on first use.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Statistic = Callable[..., Any]
"""``statistic(values, axis=-1)``, vectorised: ``np.mean``, ``np.median``, ``iqm``."""

_RESAMPLES = 9999
FEW = 4
"""Seeds from which an interval is shown: of fewer, resamples are few, and their spread says little."""


@dataclass(frozen=True)
class Summary:
    """One metric over the seeds of one run. ``missing`` counts the NaN seeds, which no other field includes."""

    n: int
    missing: int
    mean: float
    median: float
    ci95: tuple[float, float]


def middle_half(n: int) -> Values:
    """How much of each of n sorted values lies in the middle half, ``[n]`` with the sum n/2: its overlap with [n/4, 3 n/4]."""
    edges = np.arange(n)
    return np.clip(np.minimum(edges + 1, 0.75 * n) - np.maximum(edges, 0.25 * n), 0, None)


def iqm(values: ArrayLike, axis: int = -1) -> Any:
    """The interquartile mean: the mean of the middle half, where n is not a multiple of 4 the edge values count in
    part.

    ``[..., n] -> [...]``. With q = n/4: sum of the sorted values weighted by their overlap with [q, n - q], over n/2.
    """
    x = np.sort(np.moveaxis(np.asarray(values, dtype=float), axis, -1), axis=-1)
    n = x.shape[-1]
    weight = middle_half(n)
    inside = weight > 0  # leaves out infinite outliers, which 0 * inf would turn to NaN
    x = np.where(np.isnan(x).any(-1, keepdims=True), np.nan, x)  # sorted, NaN would pass for the highest
    return (x[..., inside] * weight[inside]).sum(-1) / weight.sum()


def bootstrap(
    values: ArrayLike, statistic: Statistic = np.mean, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of ``statistic`` over seeds ``[n]``; NaN seeds are left out.

    Constant values give (value, value); fewer than two seeds say nothing of the spread, and give (nan, nan).
    """
    x = _clean(values)
    if len(x) < 2:
        return (float("nan"), float("nan"))
    if np.all(x == x[0]):
        return (float(x[0]), float(x[0]))
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # resamples that are all alike, infinite values: both leave a valid percentile
        interval = stats.bootstrap(
            (x,),
            statistic,
            n_resamples=_RESAMPLES,
            confidence_level=confidence,
            method="percentile",
            vectorized=True,
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return (float(interval.low), float(interval.high))


def bands(table: ArrayLike, confidence: float = 0.95, seed: int = 0) -> tuple[Values, Values, Values]:
    """Mean over seeds at every evaluation, and its percentile bootstrap interval: ``[R, S] -> [R], [R], [R]``.

    Of the seeds that have a number there: what ``bootstrap`` says of each row, so that the last is the interval of the final values.
    """
    x = np.asarray(table, dtype=float)
    known = ~np.isnan(x)
    n, ends = known.sum(-1), [(1 - confidence) / 2, (1 + confidence) / 2]
    mean, low, high = np.full((3, len(x)), np.nan)
    for seeds in {*n.tolist()} - {0}:
        rows = np.flatnonzero(n == seeds)
        values = x[rows][known[rows]].reshape(-1, seeds)
        mean[rows] = values.mean(-1)
        finite = np.isfinite(values).all(-1)
        for row in rows[~finite]:
            low[row], high[row] = bootstrap(x[row], confidence=confidence, seed=seed)
        if seeds > 1 and finite.any():
            low[rows[finite]], high[rows[finite]] = np.quantile(_resampled(values[finite], seed), ends, axis=-1)
    return mean, low, high


def _resampled(values: Values, seed: int) -> Values:
    """The means ``[R, resamples]`` of the resamples of ``bootstrap``, of all rows ``[R, n]`` at once: how often a resample has each seed, times
    the values."""
    rng, (rows, n) = np.random.default_rng(seed), values.shape
    means = np.empty((rows, _RESAMPLES))
    for part in np.array_split(np.arange(_RESAMPLES), 9):
        drawn = rng.integers(n, size=(len(part), n)) + n * np.arange(len(part))[:, None]
        counts = np.bincount(drawn.ravel(), minlength=len(part) * n).reshape(len(part), n)
        means[:, part] = values @ (counts.T / n)
    return means.clip(
        values.min(-1, keepdims=True), values.max(-1, keepdims=True)
    )  # a mean of equal values is that value


def summarise(values: ArrayLike) -> Summary:
    """Mean, median and the bootstrap interval of the mean over seeds ``[n]``."""
    x = _clean(values)
    missing = int(np.size(values)) - len(x)
    if len(x) == 0:
        nan = float("nan")
        return Summary(0, missing, nan, nan, (nan, nan))
    return Summary(len(x), missing, float(x.mean()), float(np.median(x)), bootstrap(x))


def shown(ends: Sequence[float], seeds: int) -> tuple[float, float]:
    """An interval as a reader sees it: as it is, or (nan, nan) where it is over fewer than ``FEW`` seeds."""
    low, high = ends if seeds >= FEW else (np.nan, np.nan)
    return low, high


def holm(p: ArrayLike) -> Values:
    """Holm's step-down correction (1979) of p values ``[m]``: the running maximum of (m - rank) p, at most 1."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def _clean(values: ArrayLike) -> Values:
    x = np.asarray(values, dtype=float).reshape(-1)
    return x[~np.isnan(x)]
