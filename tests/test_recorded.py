"""Pages of recorded results say what is recorded."""

import csv
import json
import re

import pytest

from baselines import recipes
from benchmarks import protocols, tuning, tutorials
from zoo import variants

TUNED = sorted(path.stem for path in (recipes.FOLDER / "tuned").glob("*.toml"))


def test_the_tutorials_page() -> None:
    assert tutorials.PAGE.read_text(encoding="utf-8") == tutorials.page(), (
        "python -m benchmarks.tutorials writes it again"
    )


def test_every_variant_stands_on_the_protocols_page_and_every_published_recipe_with_one() -> None:
    text = protocols.PAGE.read_text(encoding="utf-8")
    listed = [line.split("|")[1:4] for line in text.partition(protocols.MEASURED)[0].splitlines() if line[:3] == "| `"]
    assert sorted(name for line in listed for name in re.findall(r"`([^`]+)`", line[0])) == variants.own()
    published = {path.stem: recipes.load(path.stem) for path in (recipes.FOLDER / "published").glob("*.toml")}
    for first, _, told in listed:
        names = re.findall(r"`([^`]+)`", first)
        for word in re.findall(r"`([^`]+)`", told):
            recipe = recipes.load(word.split()[-1])
            assert word.split()[2] in names if word.startswith("zoo run") else recipe.variant in names
            published.pop(recipe.name, None)
    assert not published


def test_the_protocols_table() -> None:
    assert protocols.PAGE.read_text(encoding="utf-8") == protocols.page(), (
        "python -m benchmarks.protocols writes it again"
    )
    for _, summary, config in tuning.recorded(protocols.PLACE):
        assert config["recipe"]["rounds"] == summary["rounds"] == recipes.load(config["recipe_name"]).recipe["rounds"]
        assert len(config["seeds"]) >= 4


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
