"""Pages that are made from what is recorded, and the rules of recording."""

import csv
import json
import re

import pytest

from baselines import recipes
from baselines.spaces import SPACES
from benchmarks import protocols, tuned, tutorials
from tests.recorded.places import RESULTS, TUNED, flat, listed
from zoo import variants
from zoo.sweeps.tuning import BUDGET


def test_no_record_names_a_place_of_the_machine_that_made_it() -> None:
    told = {path: json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.rglob("config.json")}
    assert len(told) > 100
    assert [str(path) for path, config in told.items() if "--out" in config["command"] or config["data_root"]] == []


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
    for _, summary, config in tuned.recorded(protocols.PLACE):
        assert config["recipe"]["rounds"] == summary["rounds"] == recipes.load(config["recipe_name"]).recipe["rounds"]
        assert len(config["seeds"]) >= 4


@pytest.mark.parametrize("recipe", TUNED)
def test_the_page_of_a_tuned_recipe(recipe: str) -> None:
    said = tuned.page_of(recipe).read_text(encoding="utf-8")
    assert said == tuned.page(recipe), f"python -m benchmarks.tuning {recipe} --table writes it again"


@pytest.mark.parametrize("recipe", TUNED)
def test_every_method_had_the_same_budget_and_was_judged_on_other_seeds_with_its_best_trial(recipe: str) -> None:
    places = {place.name: place for place in (RESULTS / recipe).iterdir() if place.is_dir()}
    trials = list(csv.DictReader((RESULTS / recipe / "trials.csv").open(encoding="utf-8")))
    assert set(places) == set(variants.own())
    commits = set()
    for name, place in places.items():
        mine = [row for row in trials if row["variant"] == name]
        assert len(mine) == BUDGET
        best = max(mine, key=lambda row: float(row["score"]))
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        used = config["recipe"] | config["options"]
        assert {key: used[key] for key in json.loads(best["settings"])} == json.loads(best["settings"])
        assert config["seeds"] == list(range(16))
        commits.add(config["git"])
    assert len(commits) == 1  # all by the same code
    assert all(re.fullmatch("[0-9a-f]{40}", commit) for commit in commits)  # that anybody can check out


@pytest.mark.parametrize("recipe", TUNED)
def test_what_the_choice_of_trials_leaves_open(recipe: str) -> None:
    """The methods whose chosen trial covered fewer modes than another, and those at the edge of what was tried."""
    rows = list(csv.DictReader((RESULTS / recipe / "trials.csv").open(encoding="utf-8")))
    (quality,) = {"high_quality", "fid"} & rows[0].keys()
    of = {name: [row for row in rows if row["variant"] == name] for name in sorted({row["variant"] for row in rows})}
    best = {name: max(mine, key=lambda row: float(row["score"])) for name, mine in of.items()}
    ahead = 10 if recipe == "digits-tuned" else 0
    more = {
        name: [r for r in mine if float(r["modes"]) > float(best[name]["modes"]) + ahead] for name, mine in of.items()
    }
    page = flat(tuned.page_of(recipe).read_text(encoding="utf-8"))
    figure = r"([\d.]+) and ([\d.]+)"
    passed = re.findall(rf"([a-z][a-z0-9-]*) \({figure}; {figure}\)", page)
    assert [name for name, *_ in passed] == [name for name in more if more[name]]
    assert f"It was{', by more than 10 modes,' if ahead else ''} for {len(passed)} methods" in page
    near = 0.006 if quality == "high_quality" else 0.6
    for name, *figures in passed:
        modes, share, chosen, its_share = map(float, figures)
        assert any(abs(float(r["modes"]) - modes) < near and abs(float(r[quality]) - share) < near for r in more[name])
        assert (float(best[name]["modes"]), float(best[name][quality])) == pytest.approx((chosen, its_share), abs=near)

    def rates(row: dict[str, str]) -> tuple[float, float]:
        settings = json.loads(row["settings"])
        return settings["lr_d"], settings["lr_g"]

    given = SPACES[recipe].rates
    with_all = [name for name in of if len({rates(row) for row in of[name]}) == BUDGET]
    low, high = ([n for n in with_all if rates(best[n]) == edge] for edge in (min(given), max(given)))
    slow = [n for n, row in best.items() if rates(row) == (given[0][0] / 10, given[0][1]) and n not in tuned.NO_D]
    assert (
        f"{listed(low)} chose the lowest and {listed(high)} the highest; the slow D was chosen for {listed(slow)}."
        in page
    )
