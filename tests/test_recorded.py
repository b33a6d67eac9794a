"""Pages of recorded results say what is recorded."""

import csv
import json

import pytest

from baselines import recipes
from benchmarks import tuning, tutorials
from zoo import variants

TUNED = sorted(path.stem for path in (recipes.FOLDER / "tuned").glob("*.toml"))


def test_the_tutorials_page() -> None:
    assert tutorials.PAGE.read_text(encoding="utf-8") == tutorials.page(), (
        "python -m benchmarks.tutorials writes it again"
    )


@pytest.mark.parametrize("recipe", TUNED)
def test_the_page_of_a_tuned_recipe(recipe: str) -> None:
    said = tuning.page_of(recipe).read_text(encoding="utf-8")
    assert said == tuning.page(recipe), f"python -m benchmarks.tuning {recipe} --table writes it again"


@pytest.mark.parametrize("recipe", TUNED)
def test_every_method_had_the_same_budget_and_was_judged_on_other_seeds_with_its_best_trial(recipe: str) -> None:
    places = {place.name: place for place in (tuning.RESULTS / recipe).iterdir() if place.is_dir()}
    trials = list(csv.DictReader((tuning.RESULTS / recipe / "trials.csv").open(encoding="utf-8")))
    assert places
    assert set(places) <= set(variants.own())
    for name, place in places.items():
        mine = [row for row in trials if row["variant"] == name]
        assert len(mine) == 4
        best = max(mine, key=lambda row: float(row["score"]))
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        used = config["recipe"] | config["options"]
        assert {key: used[key] for key in json.loads(best["settings"])} == json.loads(best["settings"])
        assert config["seeds"] == list(range(16))
