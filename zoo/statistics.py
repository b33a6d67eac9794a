"""What may be said about several seeds: intervals, robust means, and comparisons. There is no best-of-seeds here.

Follows Agarwal et al. 2021 (arXiv:2108.13264): the interquartile mean, the probability of improvement, and the percentile bootstrap over
seeds. Resamples are drawn once for all rows with as many seeds, a block at a time, so that thousands of seeds fit into memory too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Interval = tuple[float, float]
Drawn = Callable[[np.random.Generator, int], Values]

_RESAMPLES = 9999
"""Of a mean."""
_BLOCKS, _BLOCK = 50, 100
"""Of an interquartile mean and an improvement. A product of small matrices stays on one core: many cores take ten times as long for it."""
_AT_ONCE = 1 << 20
"""Numbers that a block of resamples may have, and that are kept for the next run with as many seeds."""
FEW = 4
"""Seeds from which an interval is shown: of fewer, resamples are few, and their spread says little."""
LEVEL = 0.05
"""Of the p value after Holm's correction, below which a difference is claimed."""


@dataclass(frozen=True)
class Summary:
    """One metric over the seeds of one run. ``missing`` counts the NaN seeds, which no other field includes."""

    n: int
    missing: int
    mean: float
    median: float
    ci95: Interval


def middle_half(n: int) -> Values:
    """How much of each of n sorted values lies in the middle half, ``[n]`` with the sum n/2: its overlap with [n/4, 3 n/4]."""
    edges = np.arange(n)
    return np.clip(np.minimum(edges + 1, 0.75 * n) - np.maximum(edges, 0.25 * n), 0, None)


def iqm(values: ArrayLike) -> Any:
    """The interquartile mean: the mean of the middle half, of which the edge values are in part where n is not a multiple of 4.

    ``[..., n] -> [...]``. With q = n/4: sum of the sorted values weighted by their overlap with [q, n - q], over n/2.
    """
    x = np.sort(np.asarray(values, dtype=float), axis=-1)
    n = x.shape[-1]
    weight = middle_half(n)
    inside = weight > 0  # leaves out infinite outliers, which 0 * inf would turn to NaN
    x = np.where(np.isnan(x).any(-1, keepdims=True), np.nan, x)  # sorted, NaN would pass for the highest
    return (x[..., inside] * weight[inside]).sum(-1) / weight.sum()


def bootstrap(values: ArrayLike, confidence: float = 0.95, seed: int = 0) -> Interval:
    """The percentile bootstrap interval of the mean over seeds ``[n]``; NaN seeds are left out, infinite ones (of one sign) make infinite means.

    Constant values give (value, value); fewer than two seeds say nothing of the spread, and give (nan, nan).
    """
    _, (low,), (high,) = bands([_clean(values)], confidence, seed)
    return float(low), float(high)


def bands(table: ArrayLike, confidence: float = 0.95, seed: int = 0) -> tuple[Values, Values, Values]:
    """Mean over seeds at every evaluation, and its percentile bootstrap interval: ``[R, S] -> [R], [R], [R]``.

    Of the seeds that have a number there: what ``bootstrap`` says of each row, so that the last is the interval of the final values.
    """
    x = np.asarray(table, dtype=float)
    known = ~np.isnan(x)
    n = known.sum(-1)
    mean, low, high = np.full((3, len(x)), np.nan)
    for seeds in {*n.tolist()} - {0}:
        rows = np.flatnonzero(n == seeds)
        values = x[rows][known[rows]].reshape(-1, seeds)
        mean[rows] = values.mean(-1)
        if seeds > 1:
            low[rows], high[rows] = _ends(_resampled(values, seed), confidence)
    return mean, low, high


def _resampled(values: Values, seed: int) -> Values:
    """The mean of each row ``[R, n]`` over each resample of its seeds, ``[R, _RESAMPLES]``: the same resamples for all, a block at a time."""
    rng, (rows, n) = np.random.default_rng(seed), values.shape
    means = np.empty((rows, _RESAMPLES))
    for block in np.array_split(np.arange(_RESAMPLES), min(_RESAMPLES, 1 + values.size * _RESAMPLES // _AT_ONCE)):
        means[:, block] = np.take(values, rng.integers(n, size=(len(block), n)), axis=-1).mean(-1)
    low, high = values.min(-1, keepdims=True), values.max(-1, keepdims=True)
    return means.clip(low, high)  # a mean of equal values is that value


def _ends(draws: Values, confidence: float) -> list[Values]:
    """The ends of the middle ``confidence`` of each row, between its sorted values (as ``np.quantile``, but an infinite one stays so)."""
    draws, last = np.sort(draws, axis=-1), draws.shape[-1] - 1
    ends = []
    for share in ((1 - confidence) / 2, 1 - (1 - confidence) / 2):
        below, part = divmod(share * last, 1)
        ends.append((1 - part) * draws[:, int(below)] + part * draws[:, min(int(below) + 1, last)])
    return ends


def interval_of_iqm(values: Values) -> Interval:
    """The 95 % percentile bootstrap interval of the interquartile mean over seeds ``[n]``; (nan, nan) below two seeds.

    Infinite values (of one sign) are allowed: a resample that weighs one is infinite.
    """
    if len(values) < 2:
        return math.nan, math.nan
    x = np.sort(values)
    infinite = np.isinf(x)
    finite, parts = np.where(infinite, 0.0, x), []
    for weights in _weights(_of_order, len(x), 0):
        parts.append(np.where((weights @ infinite) > 0, x[infinite][:1].sum(), weights @ finite))
    draws = np.concatenate(parts).clip(x[0], x[-1])  # a mean of equal values is that value, to the last bit
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


def improvement(a: Values, b: Values) -> tuple[float, Interval, float]:
    """P(A > B) + P(A = B)/2, its 95 % bootstrap interval over seeds of both, and the p value of the Mann-Whitney test."""
    wins = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    if min(len(a), len(b)) < 2:
        return float(wins.mean()), (math.nan, math.nan), 1.0
    pairs = zip(_weights(_of_seeds, len(a), 1), _weights(_of_seeds, len(b), 2), strict=True)
    draws = np.concatenate([np.einsum("ij,ij->i", of_a @ wins, of_b) for of_a, of_b in pairs])
    low, high = np.quantile(draws, [0.025, 0.975])
    if (a == a[0]).all() and (b == a[0]).all():
        return 0.5, (0.5, 0.5), 1.0
    from scipy import stats

    ranks = np.unique(np.concatenate([a, b]), return_inverse=True)[1]  # infinities become numbers like others
    p = stats.mannwhitneyu(ranks[: len(a)], ranks[len(a) :], alternative="two-sided").pvalue
    p = max(float(p), least_p(len(a), len(b)))  # with ties scipy approximates, and may go below what is possible
    return float(wins.mean()), (float(low), float(high)), p


def least_p(n: int, m: int) -> float:
    """The smallest p value of the exact two-sided Mann-Whitney test of n seeds against m: every one of n above all of m, or below.

    2 / C(n + m, n): so many ways there are to deal the ranks, and two of them are that extreme. 1 where a side has fewer than two seeds.
    """
    return 1.0 if min(n, m) < 2 else 2 / math.comb(n + m, n)


def enough_seeds(comparisons: int) -> int:
    """How many seeds on each side make a p value below ``LEVEL`` possible after Holm's correction over so many comparisons."""
    return next(n for n in count(2) if comparisons * least_p(n, n) < LEVEL)


def _of_order(rng: np.random.Generator, n: int) -> Values:
    """How much the interquartile mean of each resample weighs each order statistic: ``[_BLOCK, n]``.

    A resample of sorted values is itself sorted once its indices are, so its trimmed mean is a fixed linear map of the sorted values:
    drawn once for all runs with n seeds, a bootstrap is a product of matrices.
    """
    index = np.sort(rng.integers(n, size=(_BLOCK, n)), axis=1)
    weights = np.zeros((_BLOCK, n))
    np.add.at(weights, (np.arange(_BLOCK)[:, None], index), middle_half(n) / (n / 2))
    return weights


def _of_seeds(rng: np.random.Generator, n: int) -> Values:
    """The share of each of n seeds in each resample: ``[_BLOCK, n]``."""
    return rng.multinomial(n, np.full(n, 1 / n), size=_BLOCK) / n


def _weights(drawn: Drawn, n: int, seed: int) -> Iterable[Values]:
    """The weights ``[_BLOCK, n]`` of each block of resamples: kept for the next run unless they are many."""
    return _kept(drawn, n, seed) if _BLOCKS * _BLOCK * n <= _AT_ONCE else _blocks(drawn, n, seed)


def _blocks(drawn: Drawn, n: int, seed: int) -> Iterator[Values]:
    rng = np.random.default_rng(seed)
    return (drawn(rng, n) for _ in range(_BLOCKS))


@cache
def _kept(drawn: Drawn, n: int, seed: int) -> list[Values]:
    return list(_blocks(drawn, n, seed))


def summarise(values: ArrayLike) -> Summary:
    """Mean, median and the bootstrap interval of the mean over seeds ``[n]``."""
    x = _clean(values)
    missing = int(np.size(values)) - len(x)
    if len(x) == 0:
        nan = float("nan")
        return Summary(0, missing, nan, nan, (nan, nan))
    return Summary(len(x), missing, float(x.mean()), float(np.median(x)), bootstrap(x))


def number(value: float) -> str:
    """Three significant digits, one behind the point at least; more where fewer would round up to a whole number; - for what is not there."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else f"{value:g}"
    if math.isclose(value, round(value), rel_tol=1e-9):
        return f"{round(value):,}"
    least = max(3, len(str(int(abs(value)))) + 1)
    for digits in range(least, 17):
        told = f"{value:,.{digits}g}"
        rounded = float(told.replace(",", ""))
        if not (rounded.is_integer() and rounded > value):
            break
    return told


def shown(ends: Sequence[float], seeds: int) -> Interval:
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
