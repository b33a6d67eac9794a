"""Runs beside each other have short names that tell them apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.synthetic_runs import write_run
from zoo.looking.labels import by_data, labels
from zoo.runs import rundir


def test_runs_on_files_of_one_name_stand_together_where_these_held_the_same(tmp_path: Path) -> None:
    runs = []
    for i, (data, held) in enumerate(
        [("mine.npz", "aaaaaaaa"), ("a/mine.npz", "bbbbbbbb"), ("mine.npz", None), ("idx:x/own", "c"), ("ring", None)]
    ):
        run = rundir.read(write_run(tmp_path, "ns", [8], name=str(i)))
        runs.append(replace(run, config={**run.config, "data": data, "fingerprint": held}))
    (first, other, old, folder, zoos) = runs
    told = by_data([*runs, replace(first, path=tmp_path)])
    assert {name: len(group) for name, group in told.items()} == {
        "mine.npz (aaaaaa)": 2,
        "a/mine.npz (bbbbbb)": 1,
        "mine.npz (unknown)": 1,
        "idx:x/own": 1,
        "ring": 1,
    }
    assert by_data([first, folder, zoos]).keys() == {"mine.npz", "idx:x/own", "ring"}
    assert by_data([old]).keys() == {"mine.npz"}
    assert by_data([other]).keys() == {"a/mine.npz"}


def test_equal_labels_are_told_apart(tmp_path: Path) -> None:
    runs = [
        rundir.read(write_run(tmp_path, "ns", [8], name="a")),
        rundir.read(write_run(tmp_path, "ns", [8], name="b", recipe={"lr_d": 3e-3})),
        rundir.read(write_run(tmp_path, "ns", [8], name="c", recipe={"lr_d": 3e-3})),
        rundir.read(write_run(tmp_path, "ns", [8], data="grid")),
        rundir.read(write_run(tmp_path, "madgan", [8], options={"n": 4, "similarity": True})),
    ]
    named = labels(runs)
    assert named == ["ns lr_d=0.001", "ns lr_d=0.003 (b)", "ns lr_d=0.003 (c)", "ns", "madgan n=4 similarity"]


def test_equal_folders_are_told_apart_by_what_they_lie_in(tmp_path: Path) -> None:
    runs = [rundir.read(write_run(tmp_path / above, "ns", [8], name="x")) for above in ("A", "B")]
    near = [
        rundir.read(write_run(tmp_path, "wgan", [8], name=n, recipe={"lr_d": lr}))
        for n, lr in (("x", 1), ("y", 1 + 1e-9))
    ]
    named = labels(runs + near)
    assert named[:2] == ["ns (A/ring/ns/x)", "ns (B/ring/ns/x)"]
    assert named[2:] == ["wgan lr_d=1 (x)", "wgan lr_d=1 (y)"], "alike as they are printed"


def test_recipes_and_the_fewest_fields_tell_runs_apart(tmp_path: Path) -> None:
    """Not all that differs is said: a name must fit over a picture."""
    fields = {"a": (1e-3, 32, "ring"), "b": (1e-4, 64, "ring"), "c": (1e-4, 128, "stress")}
    runs = []
    for name, (rate, batch, recipe) in fields.items():
        folder = write_run(tmp_path, "ns", [8], name=name, recipe={"batch": batch, "lr_d": rate})
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"recipe_name": recipe}))
        runs.append(rundir.read(folder))
    assert labels(runs) == ["ns (ring) batch=32", "ns (ring) batch=64", "ns (stress)"]
    assert [r.title for r in runs] == ["ns on ring, 1 seed"] * 3
