"""Recipe files of the user's: what is wrong with one is a sentence that names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from baselines import recipes
from zoo.errors import ZooError


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("recipe = 3", r"'recipe' in the recipe .*r\.toml is a table, not 3\."),
        ("variants = 3", "'variants' .* is a table, not 3"),
        ("[variants]\nns = 3", r"'ns' under \[variants\] in the recipe .* is a table, not 3"),
        *((f"{key} = 3", f"'{key}' .* is text in quotes, not 3") for key in ("about", "data", "variant", "protocol")),
        ("date = 'ring'", "There is no key 'date' in the recipe .*; did you mean 'data'"),
        ("data = 'ring'", "does not say what it is for: about"),
        ("data = ring", "is not a recipe"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ZooError, match=sentence) as error:
        recipes.load(str(tmp_path / "r.toml"))
    assert "\n" not in str(error.value)


def test_a_file_that_says_what_it_is_for_is_enough(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("about = 'nothing else'\n[variants.ns]\nlr_d = 1\n")
    assert recipes.load(str(tmp_path / "r.toml")).variants == {"ns": {"lr_d": 1}}


def test_what_a_recipe_of_ours_says_of_its_length_and_units_is_so() -> None:
    told = 0
    for name in recipes.names():
        file = recipes.load(name)
        if rounds := re.search(r"([\d,]+) rounds", file.about):
            assert file.recipe["rounds"] == int(rounds[1].replace(",", "")), name
            told += 1
        if units := re.search(r"(\d+) (ReLU|tanh) units", file.about):
            assert (file.recipe["width"], file.recipe["activation"]) == (int(units[1]), units[2].lower()), name
    assert told >= 5


def test_the_recipe_of_points_says_its_own_rates_and_not_another_s() -> None:
    file = recipes.load("points")
    assert "both at 2e-3" in file.about
    assert file.recipe["lr_d"] == file.recipe["lr_g"] == 2e-3
    assert "standardised" in file.about
    assert file.recipe["standardise"] is True
