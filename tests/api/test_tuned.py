"""Tuning from Python: what is returned of trials and judged runs, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo
from tests.sweeps.test_tuning import RECIPE
from tests.synthetic_sweeps import PLUGIN
from zoo.errors import ZooError
from zoo.sweeps.tuning import BUDGET

FEW = {"trial_seeds": "3,4", "seeds": "0-1", "jobs": 1, "progress": False}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "moment.toml").write_text(RECIPE)
    return tmp_path / "moment.toml"


def test_trials_choice_and_judged_runs_come_back(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"recipe": recipe, "other": {"gamma": 1}, "out": tmp_path / "out", **FEW}
    tuned = zoo.tune(["ns", "r1"], **given)
    assert capsys.readouterr() == ("", "")
    trials = tuned.trials
    assert list(trials.method) == ["ns"] * BUDGET + ["r1"] * BUDGET
    assert list(trials.gamma[BUDGET:]) == [3, 1, 3, 1, 3]
    assert list(trials.groupby("method").chosen.sum()) == [1, 1]
    assert (trials.score[trials.chosen].to_numpy() == trials.groupby("method").score.max().to_numpy()).all()
    for result, (_, chosen) in zip(tuned, trials[trials.chosen].iterrows(), strict=True):
        config = zoo.open_run(result.folder).summary
        assert (config["variant"], config["seeds"]) == (chosen.method, [0, 1])
    assert (tuned.beside, tuned.failures, tuned.metric) == ([], [], "modes")
    assert [told.split()[0].rstrip(":") for told in tuned.verdict] == ["ns", "r1"]
    assert set(tuned.table().index.str.split().str[0]) == {"ns", "r1"}
    assert "<table" in tuned._repr_html_()
    assert [r.folder for r in zoo.tune(["ns", "r1"], **given)] == [r.folder for r in tuned]


def test_what_fails_is_told_and_the_others_are_judged(recipe: Path, tmp_path: Path) -> None:
    tuned = zoo.tune(["test-broken", "ns"], recipe=recipe, out=tmp_path / "out", plugins=[PLUGIN], **FEW)
    assert [result.summary["variant"] for result in tuned] == ["ns"]
    assert len(tuned.failures) == BUDGET
    assert "broken on purpose" in tuned.verdict[0]
    none = zoo.tune("test-broken", recipe=recipe, out=tmp_path / "out", plugins=[PLUGIN], **FEW)
    assert (none.results, len(none.failures), len(none.trials)) == ([], BUDGET, 0)
    with pytest.raises(ZooError, match="No method could be judged"):
        none.compare()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"variants": []}, "Which methods"),
        ({"variants": "nss"}, "did you mean 'ns'"),
        ({"variants": "r1", "other": ["gamma"]}, "other is a table"),
        ({"variants": "r1", "other": {"gamma": 3}}, "r1 has gamma=3 already"),
        ({"variants": "r1", "seeds": "0-20"}, "20 would be in both"),
        ({"variants": "r1", "by": "mods"}, "did you mean 'modes'"),
        ({"variants": "r1", "out": 3}, "out is the path"),
        ({"variants": "r1", "jobs": 0}, "jobs is a whole number"),
    ],
)
def test_what_is_refused_before_anything_is_written(recipe: Path, tmp_path: Path, given: dict, told: str) -> None:
    with pytest.raises(ZooError, match=told):
        zoo.tune(**{"recipe": recipe, "out": tmp_path / "out", "trial_seeds": "20-23", **given})
    assert not (tmp_path / "out").exists()
