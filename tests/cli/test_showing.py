"""`zoo show` of what is not a variant: recipes, data sets, metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines import recipes
from zoo.cli.showing import show
from zoo.recipe import fields
from zoo.runs.cell import plan

Captured = pytest.CaptureFixture[str]


def test_a_recipe_tells_every_field_and_how_to_run_it(capsys: Captured) -> None:
    show("d2gan-ring")
    out = capsys.readouterr().out
    assert "eight wide modes" in out
    assert "whose std = .02 is handed over as a covariance; weights from ops.py." in out
    assert "Data: ring-d2gan\nVariant: d2gan\nProtocol: pacgan\n" in out
    assert all(f"  {field} = " in out for field in fields())
    assert "  batch = 512\n" in out
    assert "  decay = 0.0  (default)\n" in out
    assert "For d2gan: alpha = 1.0, beta = 1.0" in out
    assert out.endswith("  zoo run --recipe d2gan-ring\n")


def test_a_recipe_of_yours_with_its_remarks(capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text('about = "number #1"\n[recipe]\nrounds = 7 # lucky\n')
    show("mine.toml")
    out = capsys.readouterr().out
    assert "Remarks in the file:\n  rounds: lucky\n\nData: any" in out
    assert out.endswith("  zoo run VARIANT --recipe mine.toml --data DATA\n")


@pytest.mark.parametrize("name", ["stress", "d2gan-ring", "selfcond-grid", "madgan-1d"])
def test_the_protocol_that_is_shown_is_the_one_that_counts(capsys: Captured, name: str) -> None:
    show(name)
    counts = plan(recipes.load(name).variant or "ns", recipe=name).protocol.name
    assert f"Protocol: {counts}\n" in capsys.readouterr().out


def test_recipes_of_stacks_name_their_protocol() -> None:
    """The one that is shown of a recipe without is found by the name of its data, and stacks have theirs by kind."""
    for path in recipes.files().values():
        file = recipes.read(path)
        assert file.protocol or not (file.data or "").startswith("stacked"), path


def test_a_data_set_with_its_recipes(capsys: Captured) -> None:
    show("ring")  # the data set, and the recipe of that name
    out = capsys.readouterr().out
    assert "8 modes on a circle of radius 2" in out
    assert "stress" in out.partition("Recipes for it: ")[2].splitlines()[0]
    assert "ring, a recipe" in out


def test_a_metric_as_it_is_declared(capsys: Captured) -> None:
    show("recall")
    out = capsys.readouterr().out
    assert "share of data inside a k-NN ball of the samples" in out
    assert "collapsed sampler: near 1/K" in out
