"""Comparison of run directories: numbers by hand, by ``zoo.statistics`` and by scipy, which runs are compared, and speed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import stats

from tests.synthetic_runs import NS, UNROLLED, write_run
from zoo import statistics
from zoo.errors import ZooError
from zoo.looking.compare import Comparison, compare
from zoo.looking.sentences import verdicts
from zoo.looking.tables import cells, render
from zoo.statistics import improvement, interval_of_iqm

RESULTS = Path(__file__).parents[2] / "baselines" / "results"


def only(found: list[Comparison]) -> Comparison:
    assert len(found) == 1
    return found[0]


def resampled(values: ArrayLike) -> tuple[float, float]:
    """The interval of the interquartile mean by scipy's bootstrap."""
    rng = np.random.default_rng(0)
    return tuple(stats.bootstrap((values,), statistics.iqm, method="percentile", rng=rng).confidence_interval)


def test_the_numbers_are_those_of_the_seeds(runs: Path) -> None:
    table = only(compare([runs]))
    assert [row.label for row in table.rows] == ["unrolled k=5", "wgan", "ns"]  # best first
    assert table.reference == "ns"
    assert table.modes == 8
    assert table.samplers == {"data": 8, "collapsed": 1}
    rows = {row.label: row for row in table.rows}
    for label, values in (("unrolled k=5", UNROLLED), ("ns", NS)):
        row = rows[label]
        assert row.iqm == pytest.approx(statistics.iqm(values))
        assert row.median == np.median(values)
        assert row.worst == min(values)
        assert row.worst_seed == int(np.argmin(values))
        assert row.iqm_ci95 == pytest.approx(resampled(values), abs=0.15)
        assert (row.mean, *row.ci95) == (np.mean(values), *statistics.bootstrap(values))
    assert (rows["ns"].collapsed, rows["unrolled k=5"].collapsed, rows["wgan"].collapsed) == (6, 0, 0)
    assert rows["wgan"].ci95 == (5, 5)
    assert rows["ns"].improvement is None
    wins = np.mean([[(a > b) + (a == b) / 2 for b in NS] for a in UNROLLED])
    assert rows["unrolled k=5"].improvement == pytest.approx(wins)
    p = [rows[label].p for label in ("unrolled k=5", "wgan")]
    assert [rows[label].p_holm for label in ("unrolled k=5", "wgan")] == pytest.approx(statistics.holm(p))


def test_the_share_is_of_the_round_that_is_compared(runs: Path) -> None:
    table = only(compare([runs], equal="seconds_per_seed"))
    row = next(row for row in table.rows if row.label == "unrolled k=5")
    assert (row.round, row.high_quality) == (100, pytest.approx(np.mean(UNROLLED) / 10 / 4))
    assert row.scatters


def test_losses_are_compared_by_their_whole_name(runs: Path) -> None:
    table = only(compare([runs], "loss/G"))
    assert {row.label: (row.median, row.round) for row in table.rows}["ns"] == (pytest.approx(0.735), 400)
    assert only(compare([runs], "loss/G", equal="D_updates")).metric == "loss/G"
    with pytest.raises(ZooError, match=r"column of metrics\.csv 'loss/H'; did you mean 'loss/"):
        compare([runs], "loss/H")


@pytest.mark.parametrize("n", [2, 5, 8, 32])
def test_the_interval_is_scipy_s_bootstrap_of_the_interquartile_mean(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    assert interval_of_iqm(values) == pytest.approx(resampled(values), abs=0.06)


def wins(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    """P(A > B) + P(A = B)/2 by its definition."""
    one, other = a[..., :, None], b[..., None, :]
    return ((one > other) + 0.5 * (one == other)).mean((-2, -1))


def test_improvement_is_scipy_s_bootstrap_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.7, 1, size=12), rng.normal(size=9)
    value, ends, p = improvement(a, b)
    expected = stats.bootstrap((a, b), wins, method="percentile", rng=np.random.default_rng(0)).confidence_interval
    assert value == pytest.approx(wins(a, b))
    assert value == pytest.approx(stats.mannwhitneyu(a, b).statistic / (12 * 9))
    assert ends == pytest.approx(tuple(expected), abs=0.03)
    back, back_ends, back_p = improvement(b, a)
    assert (back, back_p) == pytest.approx((1 - value, p))
    assert back_ends == pytest.approx((1 - ends[1], 1 - ends[0]), abs=0.03)
    assert improvement(np.full(8, 3.0), np.full(8, 3.0)) == (0.5, (0.5, 0.5), 1.0)


def test_less_is_better_where_the_metric_says_so(runs: Path) -> None:
    table = only(compare([runs], "dist/reverse_kl"))
    assert table.better == "lower"
    assert [row.label for row in table.rows] == ["unrolled k=5", "wgan", "ns"]
    best = table.rows[0]
    assert best.worst == 2  # 8 - 6 modes
    assert best.worst_seed == 6
    assert best.improvement is not None
    assert best.improvement > 0.8


def test_a_diverged_seed_counts_as_the_worst(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [7, 7, 7, 7])
    write_run(tmp_path, "wgan", [8, 8, float("nan"), float("nan")], diverged=[2, 3])
    more, less = only(compare([tmp_path])), only(compare([tmp_path], "reverse_kl"))
    for table, bottom in ((more, -np.inf), (less, np.inf)):
        row = next(r for r in table.rows if r.label == "wgan")
        assert (row.worst, row.worst_seed, row.diverged, row.collapsed) == (bottom, 2, 2, 2)
        assert row.improvement == pytest.approx(0.5)  # two seeds beat all four, two lose to all four
        assert bottom in row.iqm_ci95
    assert "4 (2 diverged)" in render([more])


def test_equal_cost_reads_the_dearer_run_earlier(runs: Path) -> None:
    table = only(compare([runs], equal="seconds_per_seed"))
    rows = {row.label: row for row in table.rows}
    assert rows["unrolled k=5"].round == 100  # a quarter of 400: it cost four times as much
    assert rows["ns"].round == 400
    assert rows["unrolled k=5"].iqm < rows["ns"].iqm + 2
    assert rows["unrolled k=5"].cost["seconds_per_seed"] == pytest.approx(2)
    assert rows["unrolled k=5"].collapsed == 8
    with pytest.raises(ZooError, match="There is no cost"):
        compare([runs], equal="flops")


@pytest.mark.parametrize(("kind", "said"), [("cpu", "at 4 times the CPU time"), ("cuda", "at 9 times the wall time")])
def test_time_is_a_cpu_s_own_and_a_gpu_s_by_the_wall(tmp_path: Path, kind: str, said: str) -> None:
    for variant, modes, cpu, wall in (("ns", NS, 2.0, 1.0), ("r1", UNROLLED, 8.0, 9.0)):
        cost = {"seconds_per_seed": wall, "cpu_seconds_per_seed": cpu}
        folder = write_run(tmp_path, variant, modes, cost=cost)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"kind": kind}))
    table = only(compare([tmp_path]))
    assert any(said in sentence for sentence in verdicts(table))
    other = {"cpu": "wall", "cuda": "CPU"}[kind]
    assert [head for head in cells(table)[0] if "s per seed" in head][1:] == [f"{other} s per seed"]


def test_intervals_are_shown_from_four_seeds_on(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [2, 3, 4])
    write_run(tmp_path, "r1", [6, 7, 8, 8])
    few, enough = sorted(only(compare([tmp_path])).rows, key=lambda row: row.n)
    assert np.isnan([*few.ci95, *(enough.improvement_ci95 or ())]).tolist() == [True] * 4
    assert enough.ci95[0] < enough.ci95[1]
    assert ", 95 % interval" not in verdicts(only(compare([tmp_path])))[1]


def test_a_table_per_data_set(tmp_path: Path) -> None:
    for data in ("ring", "grid"):
        write_run(tmp_path, "ns", [8, 7], data=data)
    assert [c.data for c in compare([tmp_path])] == ["grid", "ring"]
    assert only(compare([tmp_path], data="ring")).data == "ring"
    with pytest.raises(ZooError, match=r"no finished run of data set 'rong'; did you mean 'ring'"):
        compare([tmp_path], data="rong")


def test_the_reference_is_found_by_label_or_variant(runs: Path) -> None:
    assert only(compare([runs], reference="unrolled")).reference == "unrolled k=5"
    assert only(compare([runs], reference="unrolled k=5")).reference == "unrolled k=5"
    with pytest.raises(ZooError, match="did you mean 'wgan'"):
        compare([runs], reference="wgam")
    write_run(runs, "unrolled", [8] * 8, options={"k": 1}, name="b")
    with pytest.raises(ZooError, match=r"'unrolled' names 2 runs; say which: unrolled k=5, unrolled k=1"):
        compare([runs], reference="unrolled")


def without_modes(folder: Path, metrics: dict[str, object]) -> None:
    """As a run on data without known modes leaves it."""
    summary = json.loads((folder / "summary.json").read_text())
    summary |= {"metrics": metrics, "unavailable": {"modes": "'own' has no known modes."}}
    (folder / "summary.json").write_text(json.dumps(summary))


def test_a_run_that_did_not_measure_the_metric_is_named_and_left_out(runs: Path) -> None:
    folder = runs / "ring" / "wgan" / "a"
    measured = {"coverage": {"per_seed": [0.5] * 8}, "one_nn": {"per_seed": [0.6] * 8}}
    without_modes(folder, measured)
    table = only(compare([runs]))
    assert [row.label for row in table.rows] == ["unrolled k=5", "ns"]
    assert f"{folder} is left out: it has no metric 'modes'." in table.warnings
    assert [row.label for row in only(compare([runs], "coverage")).rows] == ["wgan"]
    assert only(compare([folder])).metric == "coverage"  # the first that was measured
    without_modes(folder, {})
    with pytest.raises(ZooError, match=r"measured no metric: 'own' has no known modes\."):
        compare([folder])


def test_data_sets_are_each_compared_by_what_their_runs_measured(runs: Path) -> None:
    own = write_run(runs, "ns", [1, 1], data="own")
    without_modes(own, {"coverage": {"per_seed": [0.5, 0.6]}})
    assert [(c.data, c.metric) for c in compare([runs])] == [("own", "coverage"), ("ring", "modes")]
    named = only(compare([runs], "coverage/modes"))
    assert named.data == "ring"
    assert f"{own} is left out: it has no metric 'modes'." in named.warnings


def test_an_unknown_metric_is_refused_with_the_nearest(runs: Path) -> None:
    with pytest.raises(ZooError, match="did you mean 'modes'"):
        compare([runs], "mode")
    only_unfinished = runs / "none"
    write_run(only_unfinished, "ns", [8], finished=False)
    with pytest.raises(ZooError, match="None of the 1 runs is finished; zoo run --resume"):
        compare([only_unfinished])


def test_the_mean_and_its_interval_are_those_of_summary_json() -> None:
    """To the last bits, on data with few modes and many, and with them the order of the runs."""
    for name, metric in (("stress", "modes"), ("stacked-mnist-small", "reverse_kl"), ("ring", "modes")):
        table = only(compare([RESULTS / name], metric))
        for row in table.rows:
            told = json.loads((Path(row.path) / "summary.json").read_text())["metrics"][metric]
            assert (row.mean, *row.ci95) == pytest.approx((told["mean"], *told["ci95"]), rel=1e-14)
        means = [row.mean for row in table.rows]
        assert means == sorted(means, reverse=table.better == "higher")


def test_a_seed_that_collapses_is_not_left_out(tmp_path: Path) -> None:
    """Two of eight that fall to nothing leave the interquartile mean as it was, and the mean not."""
    write_run(tmp_path, "ns", [8, 8, 8, 8, 8, 8, 0, 0])
    write_run(tmp_path, "wgan", [7] * 8)
    first, second = only(compare([tmp_path])).rows
    assert (first.label, first.iqm, second.label, second.iqm) == ("wgan", 7, "ns", 8)
    assert second.mean == 6


def test_where_numbers_are_missing_the_mean_is_of_the_others_and_the_order_counts_the_worst(tmp_path: Path) -> None:
    nan = float("nan")
    write_run(tmp_path, "ns", [5, 5, 5, 5])
    write_run(tmp_path, "wgan", [8, 8, 8, nan], diverged=[3])
    write_run(tmp_path, "r1", [8, nan, nan, nan], diverged=[1, 2, 3])
    write_run(tmp_path, "lsgan", [nan] * 4, diverged=[0, 1, 2, 3])
    write_run(tmp_path, "hinge", [1, 1, 1, 2])
    table = only(compare([tmp_path]))
    assert [row.label for row in table.rows] == ["wgan", "ns", "r1", "hinge", "lsgan"]  # (8 + 8 + 8 + 1) / 4 and so on
    rows = {row.label: row for row in table.rows}
    assert (rows["wgan"].mean, rows["r1"].mean) == (8, 8)
    assert np.isnan([*rows["wgan"].ci95, rows["lsgan"].mean]).all()  # of three seeds no interval is shown
    told = "Some seeds have no number: wgan (1 of 4), r1 (3 of 4), lsgan (4 of 4); the mean leaves them out, everything"
    assert any(warning.startswith(told) for warning in table.warnings)
    less = only(compare([tmp_path], "reverse_kl"))
    assert [row.label for row in less.rows] == ["wgan", "ns", "r1", "hinge", "lsgan"]


def test_five_hundred_runs_in_three_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)  # the runs are made here, not measured
    rng = np.random.default_rng(0)
    for i in range(500):
        values = rng.integers(1, 9, size=32).tolist()
        write_run(tmp_path, "ns" if i == 0 else "unrolled", values, options={"k": i}, name=f"{i}", arrays=False)
    import scipy.stats  # noqa: F401 (imports are not counted)

    began = time.process_time()
    text = render(compare([tmp_path]))
    assert time.process_time() - began < 3
    assert text.count("unrolled k=") >= 499
