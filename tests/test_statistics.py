"""Statistics over seeds: against closed forms, scipy, and simulated coverage."""

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from zoo.statistics import (
    bands,
    bootstrap,
    enough_seeds,
    holm,
    improvement,
    interval_of_iqm,
    iqm,
    least_p,
    summarise,
)

RESULTS = Path(__file__).parents[1] / "baselines" / "results"


@pytest.mark.parametrize(("seeds", "said"), [(4, 0.8), (8, 0.88), (16, 0.93), (25, 0.93)])
def test_how_often_the_interval_holds_the_mean(seeds, said):
    """Less often than 95 % where seeds are few, as docs/results.md says."""
    rng = np.random.default_rng(0)
    hits = 0
    for i in range(600):
        low, high = bootstrap(rng.normal(3, 2, size=seeds), seed=i)
        hits += low <= 3 <= high
    assert hits / 600 == pytest.approx(said, abs=0.04)


def test_the_interval_is_near_the_normal_one():
    x = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap(x)
    half = 1.96 * x.std(ddof=1) / 20
    assert low == pytest.approx(x.mean() - half, abs=0.01)
    assert high == pytest.approx(x.mean() + half, abs=0.01)


@pytest.mark.parametrize("seeds", [2, 5, 8, 16, 700])
@pytest.mark.parametrize("confidence", [0.95, 0.9, 0.5])
def test_the_interval_is_scipy_s_bootstrap_of_the_mean(seeds, confidence):
    x = np.random.default_rng(seeds).normal(size=seeds)
    expected = stats.bootstrap(
        (x,),
        np.mean,
        n_resamples=9999,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert bootstrap(x, confidence, seed=3) == pytest.approx(tuple(expected), rel=1e-14, abs=1e-15)


def test_recorded_intervals_are_told_again_to_the_last_bits():
    files = sorted(RESULTS.rglob("summary.json"))
    assert len(files) > 100
    for file in files:
        for told in json.loads(file.read_text(encoding="utf-8"))["metrics"].values():
            values = [math.nan if v is None else v for v in told["per_seed"]]
            recorded = [math.nan if v is None else v for v in told["ci95"]]
            assert bootstrap(values) == pytest.approx(recorded, rel=1e-14, abs=0, nan_ok=True), file


def test_thousands_of_seeds_fit_into_memory():
    """A block of resamples at a time: all of them are 800 MB."""
    x = np.random.default_rng(0).normal(size=10_000)
    for interval in (bootstrap, interval_of_iqm):
        tracemalloc.start()
        low, high = interval(x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert low < x.mean() < high
        assert peak < 100e6


def test_the_ends_of_everything():
    assert bootstrap([1.0, 2.0], confidence=1.0) == (1, 2)


@pytest.mark.parametrize("value", [8.0, 0.0, math.inf])
def test_constant_values_have_a_point_for_an_interval(value):
    assert bootstrap([value] * 5) == (value, value)


def test_degenerate_inputs():
    assert all(math.isnan(v) for v in bootstrap([3.0]))
    assert all(math.isnan(v) for v in bootstrap([]))
    assert bootstrap([8, 8, 8, 8, 7])[1] == 8
    low, high = bootstrap([1.0, 2.0, math.inf])
    assert low >= 1
    assert high == math.inf


def test_the_same_seed_gives_the_same_interval():
    x = np.random.default_rng(2).normal(size=10)
    assert bootstrap(x, seed=3) == bootstrap(x, seed=3)
    assert bootstrap(x, seed=3) != bootstrap(x, seed=4)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 10, 11, 100])
def test_iqm_is_the_area_under_the_middle_of_the_quantile_function(n):
    x = np.random.default_rng(n).normal(size=n)
    grid = (np.arange(400 * n) + 0.5) / (400 * n)
    step = np.sort(x)[np.minimum((grid * n).astype(int), n - 1)]
    middle = step[(grid > 0.25) & (grid < 0.75)]
    assert iqm(x) == pytest.approx(middle.mean(), rel=1e-9)
    if n % 4 == 0:
        assert iqm(x) == pytest.approx(stats.trim_mean(x, 0.25))


def test_iqm_ignores_a_wild_seed():
    assert iqm([1, 1, 1, 1, 1, 1, 1, math.inf]) == 1


def test_summary_counts_what_is_missing():
    s = summarise([1.0, math.nan, 3.0])
    assert (s.n, s.missing, s.mean, s.median) == (2, 1, 2, 2)
    empty = summarise([math.nan])
    assert (empty.n, empty.missing) == (0, 1)
    assert math.isnan(empty.mean)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.5]).tolist() == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.9, 0.8]).tolist() == [1, 1]


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 3), (4, 4), (4, 8), (8, 8)])
def test_no_p_is_below_the_least_of_the_exact_test(n, m):
    low, high = np.arange(n, dtype=float), 100 + np.arange(m, dtype=float)
    assert least_p(n, m) == pytest.approx(stats.mannwhitneyu(low, high, method="exact").pvalue)
    for a, b in ((low, high), (np.zeros(n), np.ones(m))):  # scipy approximates where there are ties
        assert improvement(a, b)[2] >= least_p(n, m) * (1 - 1e-12)


def test_seeds_that_make_a_difference_possible():
    assert [enough_seeds(comparisons) for comparisons in (1, 2, 3, 36)] == [4, 5, 5, 7]
    for comparisons in (1, 2, 3, 36):
        n = enough_seeds(comparisons)
        assert holm([least_p(n, n)] * comparisons).max() < 0.05 <= holm([least_p(n - 1, n - 1)] * comparisons).max()
    assert least_p(1, 100) == 1


def test_bands_are_the_intervals_of_every_row():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3, 12))
    table[1, :4] = math.nan
    table[2, 1:] = math.nan
    mean, low, high = bands(table)
    assert mean.tolist() == pytest.approx([table[0].mean(), table[1, 4:].mean(), table[2, 0]])
    for row in (0, 1):
        assert (low[row], high[row]) == bootstrap(table[row])
        assert low[row] < mean[row] < high[row]
    assert math.isnan(low[2])
    assert math.isnan(high[2])
    alike, infinite = [0.1] * 5, [1.0, 2.0, 3.0, 4.0, math.inf]
    _, low, high = bands([alike, infinite])
    assert (low[0], high[0]) == (0.1, 0.1)
    assert (low[1], high[1]) == bootstrap(infinite)


def test_a_missing_seed_is_no_high_one():
    assert math.isnan(iqm([1.0, 2.0, 3.0, math.nan]))
    assert iqm([1.0, 2.0, 3.0, math.inf]) == 2.5
