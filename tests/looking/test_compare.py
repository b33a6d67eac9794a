"""Comparison of run directories: numbers by hand, by ``zoo.statistics`` and by scipy, warnings, formats, and speed."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import stats

from tests.synthetic_runs import write_run
from zoo import statistics
from zoo.errors import ZooError
from zoo.looking.compare import Comparison, compare
from zoo.looking.report import write_report
from zoo.looking.sentences import verdicts
from zoo.looking.tables import STYLES, cells, render
from zoo.statistics import improvement, interval_of_iqm

RESULTS = Path(__file__).parents[2] / "baselines" / "results"
NS, UNROLLED = [2, 3, 4, 2, 8, 7, 1, 3], [8, 8, 7, 8, 8, 8, 6, 8]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path, "ns", NS)
    write_run(tmp_path, "unrolled", UNROLLED, options={"k": 5}, cost={"D_updates": 400, "seconds_per_seed": 8.0})
    write_run(tmp_path, "wgan", [5, 5, 5, 5, 5, 5, 5, 5])
    return tmp_path


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


def test_what_covers_modes_by_scattering_is_said_to(tmp_path: Path) -> None:
    """Noise hits every mode now and then; its mean of modes is that of a good generator."""
    for variant, share in (("ns", 0.97), ("hinge", 0.008)):
        path = write_run(tmp_path, variant, [8, 8, 8, 7]) / "summary.json"
        summary = json.loads(path.read_text())
        summary["metrics"]["high_quality"]["per_seed"] = [share] * 4
        path.write_text(json.dumps(summary))
    table = only(compare([tmp_path]))
    told = dict(zip([row.label for row in table.rows], verdicts(table), strict=True))
    assert re.match(r"ns: mean 7\.75 of 8 modes.*; high-quality share 0\.97; no seed collapsed\.$", told["ns"])
    assert re.match(r"hinge: mean 7\.75 of 8 modes.*; scatters \(high-quality share 0\.008\); no seed", told["hinge"])
    (warning,) = table.warnings
    assert warning.startswith("Scatters, with a high-quality share below half of the data's: hinge (0.008).")
    assert warning in render([table])
    assert warning in write_report([tmp_path], tmp_path / "r.html").read_text().replace("&#39;", "'")
    assert not only(compare([tmp_path], "high_quality")).warnings
    at_once = only(compare([tmp_path], equal="D_updates"))
    assert [row.high_quality for row in at_once.rows] == pytest.approx([0.97, 0.008])  # at equal modes the higher first


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


def test_what_differs_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", [8] * 8)
    write_run(tmp_path, "wgan", [8, 8, 8], rounds=800, protocol={"threshold": 2.0}, recipe={"lr_d": 5e-5})
    write_run(tmp_path, "r1", [8], finished=False)
    told = "\n".join(only(compare([tmp_path])).warnings)
    for part in (
        "Rounds differ: 400: ns; 800: wgan",
        "Numbers of seeds differ",
        "threshold=2.0",
        "Recipes differ in lr_d",
    ):
        assert part in told
    assert "Intervals over fewer than 4 seeds say little and are not shown." in told
    assert "1 unfinished run is left out; zoo run --resume" in told
    alike = tmp_path / "alike"
    write_run(alike, "ns", [8] * 8)
    write_run(alike, "wgan", [8] * 8)
    assert only(compare([alike])).warnings == []


def test_a_damaged_run_stands_in_no_other_run_s_way(runs: Path) -> None:
    bad = write_run(runs, "r1", [8] * 8)
    whole = (bad / "summary.json").read_text()
    (bad / "summary.json").write_text(whole[: len(whole) // 2])
    table = only(compare([runs]))
    assert len(table.rows) == 3
    (*_, told) = table.warnings
    assert told.startswith(f"A damaged run is left out: {bad / 'summary.json'} is not valid JSON")
    assert told in write_report([runs], runs / "report.html").read_text().replace("&#39;", "'")
    for named in ([bad], [runs, bad]):
        with pytest.raises(ZooError, match="is not valid JSON"):
            compare(named)
    with pytest.raises(ZooError, match="is not valid JSON"):
        compare([bad.parent])


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


@pytest.mark.parametrize("style", STYLES)
def test_every_format_names_every_run(runs: Path, style: str) -> None:
    text = render(compare([runs]), style)
    assert all(name in text for name in ("unrolled k=5", "wgan", "ns"))
    assert text == text.rstrip("\n")


def test_formats_can_be_read_back(runs: Path) -> None:
    write_run(runs, "r1_a", [8, float("nan")], options={"x": 0.1})
    tables = compare([runs])
    rows = list(csv.DictReader(io.StringIO(render(tables, "csv"))))
    best = next(r for r in rows if r["run"] == "unrolled k=5")
    assert float(best["iqm"]) == pytest.approx(statistics.iqm(UNROLLED))
    assert float(best["cost.seconds_per_seed"]) == 8
    back = json.loads(render(tables, "json"), parse_constant=pytest.fail)
    assert {r["label"] for r in back[0]["rows"]} == {"ns", "wgan", "unrolled k=5", "r1_a x=0.1"}
    latex = render(tables, "latex")
    assert r"r1\_a x=0.1" in latex
    tables[0].warnings.append("goes from {a} to {b}")
    assert r"goes from \{a\} to \{b\}" in render(tables, "latex")
    assert latex.count("&") == (len(cells(tables[0])[0]) - 1) * len(cells(tables[0]))
    assert all(
        line.count("|") == len(cells(tables[0])[0]) + 1 for line in render(tables, "md").splitlines() if line[:1] == "|"
    )
    with pytest.raises(ZooError, match="There is no format 'latx'; did you mean 'latex'"):
        render(tables, "latx")


def test_a_terminal_s_tables_are_narrow_and_costs_stand_by_themselves(tmp_path: Path) -> None:
    options = {"gamma": 1.0, "gamma_end": 0.1, "burn_in": 0.0, "leapfrog": 5, "draws": 2, "lam": 0.001, "step": 0.3}
    cost = {
        "D_updates": 2e5,
        "G_updates": 1e5,
        "gflop_per_seed": 12.0,
        "cpu_seconds_per_seed": 8.0,
        "seconds_per_seed": 8.0,
    }
    write_run(tmp_path, "ns", [2] * 4)
    write_run(tmp_path, "r3gan", [8] * 4, options=options, cost=cost)
    lines = render(compare([tmp_path])).splitlines()
    tables = lines[: next(i for i, line in enumerate(lines) if line.startswith("Over seeds: "))]
    assert max(map(len, tables)) <= 120
    first, second = "\n".join(tables).strip().split("\n\n")
    assert "updates" not in first
    assert "200,000" in second
    for table in (first, second):
        rows = table.splitlines()
        at = next(i for i, line in enumerate(rows) if line.startswith("r3gan"))
        name = [
            rows[at].split("   ")[0],
            *(line for line in rows[at + 1 :] if "=" in line),
        ]  # goes on in the next lines
        assert len(name) > 1
        assert " ".join(" ".join(name).split()) == f"r3gan {' '.join(f'{k}={v:g}' for k, v in options.items())}"


def test_the_mean_and_its_interval_are_those_of_summary_json() -> None:
    """To the last bits, on data with few modes and many, and with them the order of the runs."""
    for name, metric in (("stress", "modes"), ("stacked-mnist-small", "reverse_kl"), ("ring", "modes")):
        table = only(compare([RESULTS / name], metric))
        for row in table.rows:
            told = json.loads((Path(row.path) / "summary.json").read_text())["metrics"][metric]
            assert (row.mean, *row.ci95) == pytest.approx((told["mean"], *told["ci95"]), rel=1e-14)
        means = [row.mean for row in table.rows]
        assert means == sorted(means, reverse=table.better == "higher")


def test_the_table_in_the_docs_is_what_is_printed() -> None:
    told = (RESULTS.parents[1] / "docs" / "looking.md").read_text(encoding="utf-8")
    shown = told.split("```\nring: modes")[1].split("\n...\n")[0]
    assert render(compare([RESULTS / "stress"])).startswith(f"ring: modes{shown}\n")


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


def test_the_high_quality_share_stands_beside_the_modes_where_it_was_measured(runs: Path) -> None:
    head, *body = cells(only(compare([runs])))
    assert head[3] == "high-quality share"
    assert {line[0]: line[3] for line in body} == {
        "unrolled k=5": "0.762",
        "wgan": "0.5",
        "ns": "0.375",
        "(data)": "0.989",
        "(collapsed)": "0.989",
    }
    assert "high-quality share" not in cells(only(compare([runs], "reverse_kl")))[0]
    for path in runs.rglob("summary.json"):
        summary = json.loads(path.read_text())
        del summary["metrics"]["high_quality"]
        path.write_text(json.dumps(summary))
    assert "high-quality share" not in cells(only(compare([runs])))[0]


def test_too_few_seeds_to_decide_are_said_to_be(tmp_path: Path) -> None:
    """Four against four give no p below 2/70 = .029, and Holm's correction of two such no one below .057."""
    write_run(tmp_path, "ns", [1, 2, 3, 4])
    write_run(tmp_path, "r1", [5, 6, 7, 8])
    assert "cannot decide" not in render(compare([tmp_path]))  # .029 alone
    write_run(tmp_path, "wgan", [8] * 4)
    write_run(tmp_path, "hinge", [8] * 8)
    table = only(compare([tmp_path]))
    rows = {row.label: row for row in table.rows}
    assert rows["hinge"].p_least == pytest.approx(3 * 2 / 495)
    assert rows["r1"].p_least == rows["wgan"].p_least == rows["r1"].p_holm == pytest.approx(2 * 2 / 70)
    why = "4 seeds against 4 cannot decide it among 3 comparisons (the smallest p possible is 0.057; 5 against 5 could)"
    assert f"Whether ns differs from wgan, r1: {why}." in table.warnings
    told = {sentence.split(":")[0]: sentence for sentence in verdicts(table)}
    assert f"no difference from ns can be claimed (ahead in 100 % of pairs of seeds): {why}" in told["r1"]
    assert "better than ns (ahead in 100 % of pairs of seeds, p = " in told["hinge"]
    assert told["r1"] in write_report([tmp_path], tmp_path / "r.html").read_text()


def test_ties_claim_no_more_than_ranks_can(tmp_path: Path) -> None:
    """Scipy's approximation for ties says .047 of three seeds against three, of which the exact test cannot say less than .1."""
    write_run(tmp_path, "ns", [1] * 3)
    write_run(tmp_path, "r1", [8] * 3)
    best = only(compare([tmp_path])).rows[0]
    assert (best.label, best.p, best.p_holm, best.p_least) == ("r1", *[pytest.approx(0.1)] * 3)
    assert "3 seeds against 3 cannot decide it (the smallest p possible is 0.1; 4 against 4 could)" in render(
        compare([tmp_path])
    )


def test_runs_read_before_their_rates_fell_are_named(tmp_path: Path) -> None:
    write_run(tmp_path, "ns", NS, recipe={"decay": 0.5})
    assert "Read before" not in render(compare([tmp_path], equal="seconds_per_seed"))
    write_run(tmp_path, "unrolled", UNROLLED, recipe={"decay": 0.5}, cost={"seconds_per_seed": 8.0})
    write_run(tmp_path, "wgan", NS, recipe={"decay": 0.0}, cost={"seconds_per_seed": 8.0})
    table = only(compare([tmp_path], equal="seconds_per_seed"))
    said = "a fair comparison trains anew with so many rounds (--rounds)."
    before = "Read before the learning rates fell to 0, as they do in a run of that length: unrolled (round 100 of 400)"
    assert f"{before}; {said}" in table.warnings
    assert not any("Read before" in warning for warning in only(compare([tmp_path])).warnings)


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
