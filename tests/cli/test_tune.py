"""`zoo tune`: methods tuned alike and judged on new seeds, by the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.sweeps.test_tuning import RECIPE
from tests.synthetic_sweeps import PLUGIN
from zoo.extending import plugins
from zoo.sweeps.tuning import BUDGET


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "moment.toml").write_text(RECIPE)
    return str(tmp_path / "moment.toml")


FEW = ["--trial-seeds", "3,4", "--seeds", "2", "--jobs", "1", "--no-track"]


def test_the_command_tunes_judges_and_compares_and_does_nothing_twice(zoo, recipe: str, tmp_path: Path) -> None:
    code, out, err = zoo("tune", "ns,r1", "--recipe", recipe, "--other", "gamma=1", *FEW)
    assert (code, err) == (0, "")
    assert f"{2 * BUDGET} of {2 * BUDGET} cells finished" in out
    assert out.count("→") == 2
    assert "on seeds 0-1, which no trial has seen" in out, "two of them, not seed 2"
    assert "not told apart from it" not in out  # nothing is recorded of such a recipe
    rows = list(csv.DictReader(Path("runs/tuning/trials-ring-moment.csv").read_text().splitlines()))
    assert [row["variant"] for row in rows] == ["ns"] * BUDGET + ["r1"] * BUDGET
    for name in ("ns", "r1"):
        (folder,) = Path("runs/tuning/judged/ring", name).iterdir()
        config = json.loads((folder / "config.json").read_text())
        chosen = max((row for row in rows if row["variant"] == name), key=lambda row: float(row["score"]))
        used = config["recipe"] | config["options"]
        assert {k: used[k] for k in json.loads(chosen["settings"])} == json.loads(chosen["settings"])
        assert config["seeds"] == [0, 1]
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("DONE")}
    assert len(before) == 2 * BUDGET + 2
    again = zoo("tune", "ns,r1", "--recipe", recipe, "--other", "gamma=1", *FEW)
    assert again[0] == 0
    assert out.split("ring: modes")[1] == again[1].split("ring: modes")[1]
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("DONE")} == before


def test_a_method_of_ones_own_that_fails_does_not_take_the_others_with_it(zoo, recipe: str) -> None:
    plugins.load_file(PLUGIN)
    code, out, _ = zoo("tune", "test-broken,ns", "--plugin", str(PLUGIN), "--recipe", recipe, *FEW)
    assert code == 1
    assert "broken on purpose" in out
    assert [path.name for path in Path("runs/tuning/judged/ring").iterdir()] == ["ns"]
    code, out, err = zoo("tune", "test-broken", "--plugin", str(PLUGIN), "--recipe", recipe, *FEW)
    assert (code, err, f"{BUDGET} cells failed" in out, "Now the best" in out) == (1, "", True, False)


def test_trials_chosen_by_another_metric_stand_in_the_same_table(zoo, recipe: str) -> None:
    assert zoo("tune", "ns", "--recipe", recipe, *FEW)[0] == 0
    code, out, _ = zoo("tune", "vanilla", "--recipe", recipe, "--by", "reverse_kl", *FEW)
    assert (code, "the best by reverse_kl, lower." in out) == (0, True)
    rows = list(csv.DictReader(Path("runs/tuning/trials-ring-moment.csv").read_text().splitlines()))
    assert [bool(row["high_quality"]) for row in rows] == [True] * BUDGET + [False] * BUDGET
    assert [bool(row["reverse_kl"]) for row in rows] == [False] * BUDGET + [True] * BUDGET


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["nss"], "did you mean 'ns'"),
        ([","], "Which methods?"),
        (["ns", "--seeds", "0-100"], "100 would be in both"),
        (["ns", "--by", "mods"], "did you mean 'modes'"),
        (["ns", "--recipe", "ring-tund"], "did you mean 'ring-tuned'"),
    ],
)
def test_what_is_refused_before_anything_is_written(zoo, given: list[str], told: str) -> None:
    code, _, err = zoo("tune", *given)
    assert (code, err.count("\n")) == (2, 1)
    assert told in err
    assert not Path("runs").exists()


def test_a_dry_run_says_what_would_be_tried_and_writes_nothing(zoo, recipe: str) -> None:
    code, out, _ = zoo("tune", "ns,pacgan", "--recipe", recipe, "--dry-run")
    assert (code, f"{2 * BUDGET} to do" in out) == (0, True)
    assert not Path("runs").exists()
