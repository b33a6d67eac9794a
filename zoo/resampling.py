"""The bootstrap of ``zoo.statistics``, for hundreds of runs at once: resamples are drawn once for all runs with as many seeds."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from zoo.statistics import Values, middle_half

Interval = tuple[float, float]
BLOCKS, BLOCK = 50, 100  # a product of small matrices stays on one core: many cores take ten times as long for it
RESAMPLES = BLOCKS * BLOCK


@cache
def _order_weights(n: int) -> Values:
    """How much the interquartile mean of each resample weighs each order statistic: ``[RESAMPLES, n]``.

    A resample of sorted values is itself sorted once its indices are, so its trimmed mean is a fixed linear map of the sorted values:
    drawn once for all runs with n seeds, a bootstrap is one product of matrices.
    """
    index = np.sort(np.random.default_rng(0).integers(n, size=(RESAMPLES, n)), axis=1)
    kept = middle_half(n) / (n / 2)
    weights = np.zeros((RESAMPLES, n))
    np.add.at(weights, (np.arange(RESAMPLES)[:, None], index), kept)
    return weights


def interval_of_iqm(values: Values) -> Interval:
    """The 95 % percentile bootstrap interval of the interquartile mean over seeds ``[n]``; (nan, nan) below two seeds.

    Infinite values (of one sign) are allowed: a resample that weighs one is infinite.
    """
    if len(values) < 2:
        return math.nan, math.nan
    x, weights = np.sort(values), _order_weights(len(values))
    infinite = np.isinf(x)
    draws = weights @ np.where(infinite, 0.0, x)
    draws = np.clip(draws, x[0], x[-1])  # a mean of equal values is that value, to the last bit
    if infinite.any():
        draws[(weights @ infinite) > 0] = x[infinite][0]
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


@cache
def _seed_weights(n: int, side: int) -> Values:
    """The share of each of n seeds in each resample: ``[BLOCKS, BLOCK, n]``."""
    return np.random.default_rng(side).multinomial(n, np.full(n, 1 / n), size=(BLOCKS, BLOCK)) / n


def improvement(a: Values, b: Values) -> tuple[float, Interval, float]:
    """P(A > B) + P(A = B)/2, its 95 % bootstrap interval over seeds of both, and the p value of the Mann-Whitney test."""
    wins = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    if min(len(a), len(b)) < 2:
        return float(wins.mean()), (math.nan, math.nan), 1.0
    draws = np.einsum("ijk,ijk->ij", _seed_weights(len(a), 1) @ wins, _seed_weights(len(b), 2))
    low, high = np.quantile(draws, [0.025, 0.975])
    if (a == a[0]).all() and (b == a[0]).all():
        return 0.5, (0.5, 0.5), 1.0
    from scipy import stats

    ranks = np.unique(np.concatenate([a, b]), return_inverse=True)[1]  # infinities become numbers like others
    p = stats.mannwhitneyu(ranks[: len(a)], ranks[len(a) :], alternative="two-sided").pvalue
    return float(wins.mean()), (float(low), float(high)), float(p)
