"""Tuning: as many trials for every method, what chooses among them, and what stands beside the result."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from baselines.spaces import SPACES
from benchmarks import tuning as bench
from zoo import variants
from zoo.errors import ZooError
from zoo.sweeps import merit, tuning
from zoo.sweeps.tuning import RESULTS, Trial, Tuning

RECIPE = """about = "a moment"
data = "ring"
[recipe]
rounds = 6
width = 8
batch = 16
lr_d = 4e-3
lr_g = 2e-3
[variants.r1]
gamma = 3.0
b1 = 0.0
lr_g = 1e-3
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "moment.toml").write_text(RECIPE)
    return str(tmp_path / "moment.toml")


# What is tried


@pytest.mark.parametrize("recipe", SPACES)
def test_the_trials_of_a_tuned_recipe_are_those_that_are_recorded(recipe: str) -> None:
    """So that a method of one's own meets what ours met."""
    recorded: dict[str, list[dict]] = {}
    for row in csv.DictReader((RESULTS / recipe / "trials.csv").open(encoding="utf-8")):
        recorded.setdefault(row["variant"], []).append(json.loads(row["settings"]))
    assert sorted(recorded) == variants.own()
    made = Tuning(recipe=recipe)
    assert {name: made.settings(name) for name in recorded} == recorded


def test_elsewhere_rates_are_factors_on_what_the_recipe_gives_the_method(recipe: str) -> None:
    made = Tuning(recipe=recipe)
    pairs, slow = [(4e-3, 2e-3), (8e-3, 2e-3), (8e-3, 4e-3), (2e-3, 1e-3)], (4e-4, 2e-3)
    assert made.settings("ns") == [{"lr_d": d, "lr_g": g} for d, g in [*pairs, slow]]
    assert made.settings("r1") == [{"lr_d": d, "lr_g": g / 2} for d, g in [*pairs, slow]]
    two = [((d, g), pack) for d, g in pairs[:2] for pack in (2, 4)]
    assert made.settings("pacgan") == [{"lr_d": d, "lr_g": g, "pack": pack} for (d, g), pack in [*two, (slow, 2)]]
    assert [c.cell.recipe.b1 for c in made.candidates("r1")] == [0.0] * 5


def test_an_alternative_of_ones_own_is_for_those_that_have_the_option(recipe: str) -> None:
    made = Tuning(recipe=recipe, others=tuning.alternatives(["gamma=1"], ["ns", "r1"]))
    assert {c.cell.options.get("gamma") for c in made.candidates("ns")} == {None}
    tried = made.candidates("r1")
    assert [c.cell.options["gamma"] for c in tried] == [3.0, 1.0, 3.0, 1.0, 3.0]
    assert [c.cell.recipe.lr_d for c in tried] == [4e-3, 4e-3, 8e-3, 8e-3, 4e-4]
    assert len({c.cell.key for c in tried}) == 5


def test_an_alternative_that_is_none_is_refused(recipe: str) -> None:
    with pytest.raises(ZooError, match="r1 has gamma=3 already"):
        Tuning(recipe=recipe, others={"gamma": 3.0}).settings("r1")


def test_a_recipe_that_has_our_alternative_leaves_five_pairs_of_rates(recipe: str) -> None:
    Path(recipe).write_text(RECIPE + "[variants.pacgan]\npack = 4\n")
    assert [c.cell.options["pack"] for c in Tuning(recipe=recipe).candidates("pacgan")] == [4] * 5
    assert len({c.cell.key for c in Tuning(recipe=recipe).candidates("pacgan")}) == 5


@pytest.mark.parametrize(
    ("given", "names", "told"),
    [
        (["lr_d=1"], ["ns", "r1"], "belongs to the recipe"),
        (["gama=1"], ["ns", "r1"], "did you mean 'gamma'"),
        (["gamma=1"], ["ns"], "ns has no options"),
        (["gamma=1,2"], ["r1"], "one value of 'gamma'"),
        (["gamma=much"], ["r1"], "--other gamma takes numbers"),
        (["gamma"], ["r1"], "such as lam=1, not 'gamma'"),
    ],
)
def test_an_alternative_that_cannot_be(given: list[str], names: list[str], told: str) -> None:
    with pytest.raises(ZooError, match=told):
        tuning.alternatives(given, names)


# What chooses


def summary(modes: list[float], share: list[float], diverged: list[int], other: str = "high_quality") -> dict:
    metrics = {"modes": {"per_seed": modes}, other: {"per_seed": share}}
    reference = {"data": {"modes": 8.0, other: 1.0}, "collapsed": {"modes": 1.0, other: 900.0}}
    return {"metrics": metrics, "seeds": list(range(len(modes))), "diverged": diverged, "reference": reference}


def test_modes_times_quality_and_a_seed_that_diverged_has_nothing() -> None:
    found = summary([8, 4, 8, np.nan], [0.5, 1.0, 0.9, np.nan], [2])
    assert merit.merit_of(found["metrics"]) is merit.SHARE
    assert merit.scored(found, merit.SHARE) == pytest.approx((0.5 + 0.5 + 0 + 0) / 4)
    assert merit.scored(found, merit.merit_of(found["metrics"], "modes")) == pytest.approx(12 / 4)


def test_a_distance_is_better_when_small_and_what_diverged_is_as_far_as_a_collapsed_sampler() -> None:
    found = summary([900, 1000], [10, 20], [1], other="fid")
    assert merit.scored(found, merit.merit_of(found["metrics"])) == -(10 + 900) / 2


def test_points_without_modes_go_by_how_well_they_are_told_from_data() -> None:
    found = summary([8, 8], [0.6, 0.3], [], other="one_nn")
    del found["metrics"]["modes"], found["reference"]["data"]["modes"]
    assert merit.scored(found, merit.merit_of(found["metrics"])) == pytest.approx(-(0.1 + 0.2) / 2)
    with pytest.raises(ZooError, match="did you mean 'one_nn'"):
        merit.merit_of(found["metrics"], "onenn")


def test_a_plugin_s_metric_chooses_only_when_it_is_named() -> None:
    """On images without a judge it may be all that is measured."""
    with pytest.raises(ZooError, match=r"None of high_quality, fid, one_nn is measured .*--by.*: spread"):
        merit.merit_of({"spread": {}})


def test_a_seed_that_diverged_is_never_better_than_one_that_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log-likelihood, which is negative, 0 would be the best there is."""
    monkeypatch.setattr(merit.available, "better", lambda name: "higher")
    found = summary([8, 8], [-5.0, np.nan], [1], other="log_likelihood")
    found["reference"]["collapsed"]["log_likelihood"] = -9.0
    assert merit.final(found, "log_likelihood").tolist() == [-5, -9]
    found["reference"]["collapsed"]["log_likelihood"] = None  # the plugin has no number for it
    assert merit.final(found, "log_likelihood").tolist() == [-5, -5]


def test_where_nothing_is_measured_nothing_can_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.evaluation.judge.cached", lambda data: None)
    monkeypatch.setattr("zoo.evaluation.scoring.QUICK", 10)
    with pytest.raises(ZooError, match=r"by which to choose a trial: .*zoo judge --data digits"):
        Tuning(data="digits").merit("ns")


def test_the_table_of_trials_keeps_other_methods_and_replaces_a_method_s_own(tmp_path: Path) -> None:
    file = tmp_path / "there" / "trials.csv"
    old, new = (Trial({"lr_d": 0.1}, score, {"modes": 7.0, "high_quality": score}) for score in (0.25, 0.5))
    tuning.keep(file, {"r1": [old], "ns": [old]})
    tuning.keep(file, {"r1": [new, old]})
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [(row["variant"], row["score"]) for row in rows] == [("ns", "0.2500"), ("r1", "0.5000"), ("r1", "0.2500")]
    assert json.loads(rows[0]["settings"]) == {"lr_d": 0.1}


# What stands beside it


def test_recorded_results_stand_beside_only_what_was_judged_as_they_were(tmp_path: Path) -> None:
    made = Tuning(recipe="ring-tuned")
    one = made.cell("r1", {}, tuning.JUDGED)
    names = {place.name for place in made.recorded([one])}
    assert names == {*variants.own()} - {"r1"}
    assert made.recorded([made.cell("r1", {}, "0-7")]) == []
    (tmp_path / "ring-tuned.toml").write_text(RECIPE)
    for other in (
        Tuning(recipe="ring-tuned", data="grid"),
        Tuning(data="ring"),
        Tuning(recipe=tmp_path / "ring-tuned.toml"),  # whose stem is all that a cell keeps of it
    ):
        assert other.recorded([other.cell("r1", {}, tuning.JUDGED)]) == []


def test_the_table_of_trials_is_read_as_it_was_written(tmp_path: Path) -> None:
    trials = {
        "ns": [Trial({"lr_d": 0.1, "lr_g": 1e-3}, 0.25, {"modes": 7.0, "high_quality": 0.5})],
        "r1": [Trial({"lr_d": 0.1, "gamma": 1.0}, -120.5, {"modes": 7.25, "fid": 120.5})],
    }
    assert tuning.kept(tmp_path / "trials.csv") == {}
    tuning.keep(tmp_path / "trials.csv", trials)
    assert tuning.kept(tmp_path / "trials.csv") == trials


def test_the_bench_trains_only_trials_that_are_not_kept_and_judges_the_best(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = bench.train("ns", recipe, tmp_path / "scratch")
    assert [trial.settings for trial in done.trials] == Tuning(recipe=recipe).settings("ns")
    config = json.loads((done.judged / "config.json").read_text())
    chosen = tuning.best(done.trials).settings
    assert {name: config["recipe"][name] for name in chosen} == chosen
    assert config["seeds"] == list(range(16))
    trained: list[Path] = []
    monkeypatch.setattr(bench, "kept", lambda file: {"ns": done.trials[:-1]})
    monkeypatch.setattr(bench, "run", lambda cell, folder: trained.append(folder))
    assert bench.train("ns", recipe, tmp_path / "scratch") == done
    assert len(trained) == 2  # the last trial, and the judged run
    assert trained[1] == done.judged
