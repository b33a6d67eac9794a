"""The zoo from Python: five lines, the same settings and the same sentences as on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zoo
from zoo.errors import ZooError


def test_options_of_the_method_and_of_the_recipe_are_given_alike(tmp_path: Path) -> None:
    result = zoo.run("unrolled", k=1, rounds=4, every=2, width=8, batch=16, seeds=2, out=tmp_path / "r", progress=False)
    config = json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))
    assert (config["options"]["k"], config["recipe"]["rounds"], config["recipe"]["width"]) == (1, 4, 8)
    assert result.samples.shape == (2, 2500, 2)
    assert list(result.metrics["round"].unique()) == [2, 4]
    assert {"mean", "median", "low", "high", "data", "collapsed"} <= set(result.table().columns)


def test_a_recipe_s_own_variant_need_not_be_named(tmp_path: Path) -> None:
    result = zoo.run(recipe="d2gan-ring", rounds=2, batch=8, seeds=1, out=tmp_path / "r", progress=False)
    assert result.summary["variant"] == "d2gan"


def test_what_neither_has_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="There is no option 'kk' of unrolled; did you mean 'k'"):
        zoo.run("unrolled", kk=1, out=tmp_path / "r")
    assert not (tmp_path / "r").exists()
