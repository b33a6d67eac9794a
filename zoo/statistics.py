"""What may be said about several seeds: intervals, robust means, and comparisons. There is no best-of-seeds here.

Follows Agarwal et al. 2021 (arXiv:2108.13264): the interquartile mean, the probability of improvement, and percentile
bootstrap over seeds, stratified where several data sets are pooled. scipy does the work, and is imported on first use.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoo.errors import ZooError

Values = NDArray[np.float64]
Statistic = Callable[..., Any]
"""``statistic(values, axis=-1)``, vectorised: ``np.mean``, ``np.median``, ``iqm``."""

_RESAMPLES = 9999


@dataclass(frozen=True)
class Summary:
    """One metric over the seeds of one run. ``missing`` counts the NaN seeds, which no other field includes."""

    n: int
    missing: int
    mean: float
    median: float
    iqm: float
    ci95: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """``a`` against ``b`` on the same seeds: mean of the differences a - b, its 95 % interval, and its p value before
    and after Holm."""

    a: str
    b: str
    n: int
    difference: float
    ci95: tuple[float, float]
    p: float
    p_holm: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def iqm(values: ArrayLike, axis: int = -1) -> Any:
    """The interquartile mean: the mean of the middle half, where n is not a multiple of 4 the edge values count in
    part.

    ``[..., n] -> [...]``. With q = n/4: sum of the sorted values weighted by their overlap with [q, n - q], over n/2.
    """
    x = np.sort(np.moveaxis(np.asarray(values, dtype=float), axis, -1), axis=-1)
    n = x.shape[-1]
    edges = np.arange(n)
    weight = np.clip(np.minimum(edges + 1, 0.75 * n) - np.maximum(edges, 0.25 * n), 0, None)
    inside = weight > 0  # leaves out infinite outliers, which 0 * inf would turn to NaN
    return (x[..., inside] * weight[inside]).sum(-1) / weight.sum()


def bootstrap(
    values: ArrayLike, statistic: Statistic = np.mean, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of ``statistic`` over seeds ``[n]``; NaN seeds are left out.

    Constant values give (value, value); fewer than two seeds say nothing of the spread, and give (nan, nan).
    """
    return stratified([values], statistic, confidence, seed)


def stratified(
    groups: Sequence[ArrayLike], statistic: Statistic = np.mean, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of ``statistic`` over pooled groups (data sets), seeds resampled within each
    group."""
    clean = [_clean(g) for g in groups]
    if not clean or any(len(g) == 0 for g in clean) or sum(map(len, clean)) < 2:
        return (float("nan"), float("nan"))
    pooled = np.concatenate(clean)
    if np.all(pooled == pooled[0]):
        return (float(pooled[0]), float(pooled[0]))

    def of_pooled(*parts: Values, axis: int = -1) -> Any:
        return statistic(np.concatenate(parts, axis=axis), axis=axis)

    rng = np.random.default_rng(seed)
    if any(len(g) < 2 for g in clean):  # scipy refuses a group of one, which resampling merely repeats
        draws = of_pooled(*(g[rng.integers(len(g), size=(_RESAMPLES, len(g)))] for g in clean))
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
        return (float(low), float(high))
    return _interval(tuple(clean), of_pooled, confidence, rng)


def bands(table: ArrayLike, confidence: float = 0.95, seed: int = 0) -> tuple[Values, Values]:
    """The percentile bootstrap interval of the mean at every evaluation at once: ``[R, S] -> [R], [R]``, the same resamples for all."""
    values = np.asarray(table, dtype=float)
    seeds = values.shape[1]
    draws = np.random.default_rng(seed).integers(seeds, size=(1999, seeds))
    means = np.stack([row[draws].mean(-1) for row in values])  # row by row: [R, resamples, S] would not be small
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return low, high


def _interval(
    data: tuple[Values, ...], statistic: Statistic, confidence: float, rng: np.random.Generator
) -> tuple[float, float]:
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # resamples that are all alike, infinite values: both leave a valid percentile
        interval = stats.bootstrap(
            data,
            statistic,
            n_resamples=_RESAMPLES,
            confidence_level=confidence,
            method="percentile",
            vectorized=True,
            rng=rng,
        ).confidence_interval
    return (float(interval.low), float(interval.high))


def summarise(values: ArrayLike) -> Summary:
    """Mean, median, interquartile mean and the bootstrap interval of the mean over seeds ``[n]``."""
    x = _clean(values)
    missing = int(np.size(values)) - len(x)
    if len(x) == 0:
        nan = float("nan")
        return Summary(0, missing, nan, nan, nan, (nan, nan))
    return Summary(len(x), missing, float(x.mean()), float(np.median(x)), float(iqm(x)), bootstrap(x))


def probability_of_improvement(
    a: ArrayLike, b: ArrayLike, higher_is_better: bool = True, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """P(A > B) + P(A = B)/2 for independent seeds (the Mann-Whitney U over n m), and its 95 % bootstrap interval.

    .5 says that neither is better. Agarwal et al. 2021.
    """
    x, y = _clean(a), _clean(b)
    if len(x) == 0 or len(y) == 0:
        raise ZooError("The probability of improvement needs at least one finished seed on either side.")
    if not higher_is_better:
        x, y = -x, -y

    def share(u: Values, v: Values, axis: int = -1) -> Any:
        greater = u[..., :, None] > v[..., None, :]
        equal = u[..., :, None] == v[..., None, :]
        return (greater + 0.5 * equal).mean((-2, -1))

    if min(len(x), len(y)) < 2:
        return float(share(x, y)), (float("nan"), float("nan"))
    return float(share(x, y)), _interval((x, y), share, 0.95, np.random.default_rng(seed))


def holm(p: ArrayLike) -> Values:
    """Holm's step-down correction (1979) of p values ``[m]``: the running maximum of (m - rank) p, at most 1."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def compare(runs: Mapping[str, ArrayLike], baseline: str, seed: int = 0) -> list[Comparison]:
    """Every run against ``baseline`` on the same seeds, with Holm's correction over the comparisons.

    ``runs[name] [n]``: value i of every run belongs to seed i. p is the two-sided sign-flip permutation test of the
    mean difference (exact up to 13 seeds); a seed missing (NaN) on either side is left out of that pair, and ``n``
    says how many are left.
    """
    if baseline not in runs:
        raise ZooError(f"There is no run '{baseline}' to compare with; there are: {', '.join(runs)}.")
    base = np.asarray(runs[baseline], dtype=float)
    rows = []
    for name in runs:
        if name == baseline:
            continue
        values = np.asarray(runs[name], dtype=float)
        if values.shape != base.shape:
            raise ZooError(
                f"'{name}' has {values.size} seeds and '{baseline}' has {base.size}: pairs need the same seeds."
            )
        difference = _clean(values - base)
        mean = float(difference.mean()) if len(difference) else float("nan")
        rows.append((name, len(difference), mean, bootstrap(difference, seed=seed), _sign_flip(difference, seed)))
    adjusted = holm([row[-1] for row in rows])
    return [Comparison(row[0], baseline, *row[1:], float(q)) for row, q in zip(rows, adjusted, strict=True)]


def _sign_flip(difference: Values, seed: int) -> float:
    if len(difference) < 2 or not difference.any():
        return 1.0
    from scipy import stats

    test = stats.permutation_test(
        (difference,),
        lambda d, axis: d.mean(axis),
        permutation_type="samples",
        n_resamples=_RESAMPLES,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)


def _clean(values: ArrayLike) -> Values:
    x = np.asarray(values, dtype=float).reshape(-1)
    return x[~np.isnan(x)]
