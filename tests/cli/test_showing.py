"""`zoo show` of what is not a variant: recipes, data sets, metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from baselines import recipes
from zoo.cli.showing import show
from zoo.errors import ZooError
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


def test_data_of_yours_are_told_as_they_are_read(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    images, kinds = rng.integers(256, size=(50, 8, 8, 3), dtype=np.uint8), np.arange(50) % 2
    np.savez("images.npz", samples=images, labels=kinds)
    np.savez("bare.npz", samples=images)
    np.savez("points.npz", samples=rng.normal(size=(50, 1)), labels=np.arange(50) >= 10)
    np.savez("mix.npz", centres=np.eye(4)[:2], sigma=0.1)
    for i, image in enumerate(images[:20]):
        Path(f"my photos/{i % 4}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(f"my photos/{i % 4}/{i}.png")
    for name, told in {
        "images.npz": "46 images of 3 x 8 x 8 (channels, rows, columns) to train on, 4 held out.\n2 modes, each 50 %.\n\nRecipe: images",
        "bare.npz": "45 images of 3 x 8 x 8 (channels, rows, columns) to train on, 5 held out.\nIt has no labels",
        "mix.npz": "A mixture of Gaussians: points in 4 dimensions, drawn anew for every batch.\n2 modes, each 50 %.",
        "folder:my photos": "16 images of 3 x 8 x 8 (channels, rows, columns) to train on, 4 held out.\n4 modes, each 25 %.",
    }.items():
        show(name)
        assert capsys.readouterr().out.startswith(f"{name}, data of yours\n\n{told}")
    show("folder:my photos")
    assert capsys.readouterr().out.endswith("zoo run VARIANT --data 'folder:my photos'\n")
    np.savez("images.npz", samples=images, labels=np.arange(50) % 2 * 7 - 3)
    show("images.npz")
    assert "2 modes, each 50 %.\nBy number: 0 -3, 1 4.\n" in capsys.readouterr().out
    np.savez("images.npz", samples=images[:1], labels=[0])
    show("images.npz")
    assert "1 image of 3 x 8 x 8 (channels, rows, columns) to train on, 0 held out." in capsys.readouterr().out
    with pytest.raises(ZooError, match=r"my photos is a folder, whose kind must be told: folder:my photos holds"):
        show("my photos")
    for i, name in enumerate("3012"):
        Path(f"my photos/{i}").rename(f"my photos/kind {name}")
    show("folder:my photos")
    assert "By number: 0 kind 0, 1 kind 1, 2 kind 2, 3 kind 3.\n" in capsys.readouterr().out
    with pytest.raises(ZooError, match=r"'labels' of points\.npz is of type bool; it needs numbers"):
        show("points.npz")
    np.savez("points.npz", samples=rng.normal(size=(50, 1)), labels=(np.arange(50) >= 10).astype(int))
    show("points.npz")
    out = capsys.readouterr().out
    assert (
        "45 points in 1 dimension to train on, 5 held out.\n2 modes, the least of 20 %, the largest of 80 %.\n\nRecipe: points"
        in out
    )
