"""Which cells a sweep has, and what is wrong with one before anything is trained."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import toy_data
from tests.synthetic_sweeps import TINY
from zoo.cli import app as cli
from zoo.errors import ZooError
from zoo.progress import terminal
from zoo.runs import rundir
from zoo.sweeps import grid
from zoo.sweeps.grid import Grid


def test_an_option_applies_to_those_that_have_it_and_every_cell_is_there_once() -> None:
    found = grid.cells(Grid(("ns", "unrolled", "unrolled"), ("ring", "grid"), {"k": (0, 1, 5)}))
    assert [grid.label(c) for c in found] == [
        "ns on ring",
        "ns on grid",
        *(f"unrolled k={k} on {data}" for data in ("ring", "grid") for k in (0, 1, 5)),
    ]


def test_no_two_cells_of_a_grid_have_one_name() -> None:
    given = {"lr_d": (0.001, 0.004), "rounds": (500,), "norm": (False, True)}
    found = [grid.label(c) for c in grid.cells(Grid(("ns", "unrolled"), grid=given, recipe="ring-tuned"))]
    assert len(set(found)) == len(found) == 8
    assert found[3] == "ns rounds=500 norm=True lr_d=0.004 on ring"


def test_unless_some_are_named_the_data_are_the_recipes_own() -> None:
    assert [c.data for c in grid.cells(Grid(("d2gan",), recipe="d2gan-ring"))] == ["ring-d2gan"]
    assert [c.data for c in grid.cells(Grid(("d2gan",), ("grid",), recipe="d2gan-ring"))] == ["grid"]
    assert [c.data for c in grid.cells(Grid(("d2gan",)))] == ["ring"]


def test_a_cell_a_run_and_the_first_line_of_a_run_have_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = grid.cells(Grid(("unrolled",)))
    cell = replace(cell, options={"k": 1_000_000, "metz": False, "a": 0.0001, "b": True})
    label = rundir.Run(Path(), cell.as_dict(), {}).label
    assert label == "unrolled k=1000000 a=0.0001 b"
    assert grid.label(cell) == f"{label} on ring"
    told = {"data": SimpleNamespace(modes=8), "device": torch.device("cpu"), "scoring": SimpleNamespace(unavailable={})}
    terminal.Live(terminal.terminal()).started(SimpleNamespace(cell=cell, **told))
    assert capsys.readouterr().out.startswith(f"{label} on ring, 8 seeds side by side, ")


def test_a_recipes_field_applies_to_all_and_text_is_read_as_its_type() -> None:
    text = grid.parse(["lr-d=1,2e-3", "k=1", "rounds=6", "metz=true", "activation=tanh"])
    found = grid.cells(Grid(("ns", "unrolled"), grid=text, seeds="3,5"))
    assert [(c.variant, c.recipe.lr_d) for c in found] == [
        ("ns", 1.0),
        ("ns", 2e-3),
        ("unrolled", 1.0),
        ("unrolled", 2e-3),
    ]
    assert {(c.seeds, c.recipe.rounds, c.recipe.activation) for c in found} == {((3, 5), 6, "tanh")}
    assert found[-1].options == {"k": 1, "metz": True}


def test_a_file_says_the_same_as_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        'variants = ["ns", "unrolled"]\ndata = "ring"\nseeds = 2\n[grid]\nk = [0, 1]\nlr-d = 1\nrounds = 6\n'
    )
    given = Grid(("ns", "unrolled"), grid=grid.parse(["k=0,1", "lr_d=1", "rounds=6"]), seeds="2")
    assert [c.key for c in grid.cells(grid.read(path))] == [c.key for c in grid.cells(given)]
    other = grid.override(grid.read(path), {"seeds": "3", "variants": (), "grid": {"rounds": ("8",)}})
    assert {(c.seeds, c.recipe.rounds) for c in grid.cells(other)} == {((0, 1, 2), 8)}


def test_values_from_python_are_one_or_several_of_whatever_holds_them() -> None:
    given = {"k": range(2), "lr-d": np.array([0.1, 0.2]), "lr_g": np.array(0.3), "rounds": 6, "activation": "tanh"}
    found = grid.values_of(given)
    assert found == {"k": (0, 1), "lr_d": (0.1, 0.2), "lr_g": (0.3,), "rounds": (6,), "activation": ("tanh",)}
    assert len(grid.cells(Grid(("unrolled",), grid=found))) == 4
    with pytest.raises(ZooError, match=r"'lr-d' of the grid has no values"):
        grid.values_of({"lr-d": np.array([])})


def test_each_data_set_is_read_once_and_what_is_wrong_with_one_names_the_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, read = toy_data.load, list[str]()
    monkeypatch.setattr(toy_data, "load", lambda name, root: read.append(name) or usual(name, root))
    found = grid.cells(Grid(("ns", "unrolled"), ("ring", "grid"), {"k": (0, 1), "lr_d": (0.1, 0.2)}))
    assert len(found) == 12
    assert read == ["ring", "grid"]
    with pytest.raises(ZooError, match=r"^ns on .*none.npz: There is no file"):
        grid.cells(Grid(("ns",), ("ring", str(tmp_path / "none.npz"))))


WRONG = {
    "Which variants": ["sweep"],
    "did you mean 'unrolled'": ["sweep", "--variants", "unroled"],
    "did you mean 'rounds'": ["sweep", "--variants", "ns", "--grid", "round=3"],
    "--grid k takes whole numbers, not 'x'": ["sweep", "--variants", "unrolled", "--grid", "k=x"],
    "unrolled on ring: --k must be at least 0": ["sweep", "--variants", "unrolled", "--grid", "k=-1"],
    "--grid takes an option and its value, such as k=0,1,5": ["sweep", "--variants", "ns", "--grid", "k"],
    "--shard takes which of how many": ["sweep", "--variants", "ns", "--shard", "3/2"],
    "is not a sweep": ["sweep", "nothing.toml"],
    "There is no Slurm here": ["sweep", "--variants", "ns", "--on", "slurm"],
    "--job says what a job of Slurm gets": ["sweep", "--variants", "ns", "--job", "timeout_min=1"],
    "--address and --gpus-per-cell are for Ray": ["sweep", "--variants", "ns", "--address", "head:6379"],
    "did you mean 'local'": ["sweep", "--variants", "ns", "--on", "lokal"],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(
    sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # no Slurm on it
    monkeypatch.setattr(sys, "argv", ["zoo", *WRONG[sentence]])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in told
    assert len(told.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def pretend_ray(monkeypatch: pytest.MonkeyPatch, *, is_there: bool) -> None:
    """Of ray alone: what torch looks for while it is imported, it must find or not as ever."""
    usual = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> object:
        return (name if is_there else None) if name == "ray" else usual(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)


@pytest.mark.parametrize("on", ["local", "slurm", "ray"])
def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    on: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_ray(monkeypatch, is_there=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "srun").touch(0o755)
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path / "here")
    sizes = [f"--grid={name}={value}" for name, (value,) in TINY.items()]
    monkeypatch.setattr(sys, "argv", ["zoo", "sweep", "--variants", "ns", "--on", on, *sizes, "--dry-run"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "0 finished, 1 to do." in capsys.readouterr().out
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--on ray needs Ray; install it in a checkout of the zoo with: pip install -e '.[ray]'."),
        (["--device", "cuda:1"], "--device is auto, cpu or cuda with --on ray"),
        (["--gpus-per-cell", "2"], "--gpus-per-cell is a share of one GPU, such as 0.25, not 2."),
    ],
)
def test_what_ray_cannot_do_is_one_sentence(
    words: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pretend_ray(monkeypatch, is_there=bool(words))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["zoo", "sweep", "--variants", "ns", "--on", "ray", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("variant = 'ns'", "did you mean 'variants'"),
        ("grid = 3", "'grid' in the sweep .*s.toml is a table, not 3"),
        ("variants = [1]", "'variants' .* is text in quotes, or a list of such, not .1."),
        ("data = ['ring', 3]", "'data' .* is text in quotes, or a list of such, not"),
        ("recipe = 3", "'recipe' .* is text in quotes, not 3"),
        ("protocol = 3", "'protocol' .* is text in quotes, not 3"),
        ("[grid]\nlr_d = [[1]]", "--lr-d takes a number"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ZooError, match=sentence):
        grid.cells(grid.override(grid.read(tmp_path / "s.toml"), {"variants": ("ns",)}))
