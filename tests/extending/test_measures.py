"""Data sets and metrics of a file or a notebook: by their names everywhere, also where less is better."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import toy_data
import zoo
from toy_data import registry
from zoo import variants
from zoo.cli.app import app
from zoo.cli.listing import listing
from zoo.errors import ZooError
from zoo.extending import plugins
from zoo.looking.compare import compare
from zoo.metrics import spec
from zoo.variant import REGISTRY

FILE = '''
import torch
import toy_data
import zoo

@zoo.dataset("pair")
def pair():
    """Two modes on a line."""
    return toy_data.Mixture("pair", torch.tensor([[-1.0], [1.0]]), sigma=0.1)

@zoo.metric("offset", better="lower")
def offset(samples, data):
    """How far the mean is from the data's."""
    return (samples.mean((1, 2)) - data.mean.mean()).abs()
'''
SMALL = {"rounds": 2, "width": 8, "batch": 8, "seeds": 2, "progress": False}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    held = [(d, dict(d)) for d in (registry.HERE, spec.HERE, plugins.FILES)]
    before = {*REGISTRY}
    yield
    for now, was in held:
        now.clear()
        now.update(was)
    for name in {*REGISTRY} - before - {*variants.own()}:
        del REGISTRY[name]


def a_file(folder: Path, text: str = FILE) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def test_a_file_brings_a_data_set_and_a_metric(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    assert plugins.load_file(path) == []
    assert plugins.load_file(path) == []  # again
    assert toy_data.load("pair").modes == 2
    told = {row["name"]: row["about"] for kind in ("datasets", "metrics") for row in listing()[kind]}
    assert told["pair"] == f"Two modes on a line. [{path}]"
    assert told["offset"] == f"How far the mean is from the data's. [{path}]"
    made = zoo.run("ns", data="pair", out=tmp_path / "r", **SMALL)
    assert made.summary["metrics"]["offset"]["better"] == "lower"
    config = json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))
    assert config["data_plugin"] == str(path)
    assert config["fingerprint"] == toy_data.load("pair").fingerprint()
    assert plugins.option("ns", "pair") == ["--plugin", str(path)]
    registry.HERE.clear()
    with pytest.raises(ZooError, match=f"data set 'pair' of the run in .*give it with --plugin {path}"):
        made.sample(3)
    with pytest.raises(ZooError, match=r"mine.py registers no variant: write @register"):
        zoo.check(path)


def test_what_is_better_is_heard_where_runs_are_ranked(tmp_path: Path) -> None:
    plugins.load_file(a_file(tmp_path))
    for name, rates in (("near", 1e-3), ("far", 10.0)):
        zoo.run("ns", data="pair", lr_g=rates, out=tmp_path / name, **SMALL)
    spec.HERE.clear()  # the files say it
    (found,) = compare([tmp_path / "near", tmp_path / "far"], "offset")
    assert found.better == "lower"
    assert [Path(row.path).name for row in found.rows] == ["near", "far"]
    assert found.rows[0].iqm < found.rows[1].iqm
    assert not [w for w in found.warnings if "not declared" in w]


def test_a_metric_of_one_s_own_is_evaluated_by_name_and_unasked() -> None:
    @zoo.metric("offset", better="lower")
    def offset(samples: torch.Tensor, data: toy_data.Data) -> torch.Tensor:
        return samples.mean((1, 2)).abs()

    @zoo.metric("flat")
    def flat(samples: torch.Tensor, data: toy_data.Data) -> torch.Tensor:
        return samples.mean()

    x = toy_data.load("ring").sample(100).numpy() + 3
    found = zoo.evaluate(x, "ring", ["offset"])
    assert found.metrics["offset"] == pytest.approx(np.abs(x.mean()), rel=1e-5)
    assert found.reference["data"]["offset"] < 1
    assert found.table().loc["offset", "better"] == "lower"
    every = zoo.evaluate(x, "ring")
    assert "offset" in every.metrics
    assert "gives of shape [] for 2 seeds" in every.unavailable["flat"]
    with pytest.raises(ZooError, match="flat cannot be computed: The plugin 'flat' gives"):
        zoo.evaluate(x, "ring", "flat")
    with pytest.raises(ZooError, match="did you mean 'offset'"):
        zoo.evaluate(x, "ring", "offst")


def test_the_command_line_takes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = a_file(tmp_path)
    np.save(tmp_path / "x.npy", np.ones((100, 1)))
    words = ["eval", str(tmp_path / "x.npy"), "--data", "pair", "--metrics", "offset", "--plugin", str(path), "--json"]
    told = CliRunner().invoke(app, words)
    found = json.loads(told.output)
    assert (found["metrics"], found["better"]) == ({"offset": 1.0}, {"offset": "lower"})
    spec.HERE.clear()
    shown = CliRunner().invoke(app, ["show", "offset", "--plugin", str(path)]).output
    assert "better: lower" in shown
    spec.HERE.clear()
    assert "offset" in CliRunner().invoke(app, ["list", "metrics", "--plugin", str(path)]).output


def test_taken_names_and_unknown_directions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="already a metric 'modes'"):
        zoo.metric("modes")(lambda samples, data: samples)
    with pytest.raises(ZooError, match="already a data set 'ring'"):
        zoo.dataset("ring")(lambda: None)
    with pytest.raises(ZooError, match=r"is one of higher, lower, .*, not 'smaller'"):
        zoo.metric("odd", better="smaller")(lambda samples, data: samples)
    assert "odd" not in spec.HERE
    with pytest.raises(ZooError, match="cannot be imported: ZeroDivisionError"):
        plugins.load_file(a_file(tmp_path, FILE + "\n1 / 0\n"))
    assert not {"pair", "offset"} & {*registry.HERE, *spec.HERE}


def test_a_data_set_that_is_none_says_so() -> None:
    zoo.dataset("nothing")(lambda: 3)
    with pytest.raises(ZooError, match="it returned int, not a"):
        toy_data.load("nothing")
