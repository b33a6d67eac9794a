"""Runs from names to files: what is written, and what its key follows."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import toy_data
from tests.synthetic_runs import write_run
from tests.toy_data.test_idx import write_idx
from zoo.errors import ZooError
from zoo.evaluation import subjects
from zoo.evaluation.checks import mode_coverage
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.setting import Setting, Subject
from zoo.looking import report_parts
from zoo.looking.compare import compare
from zoo.looking.tables import caption
from zoo.metrics.modes import Protocol
from zoo.runs import film, finishing, folders, naming, pictures, rundir, sampling, session
from zoo.runs.cell import parse_seeds, plan, read_cell

SMALL = {"rounds": 9, "width": 8, "batch": 16, "every": 3}


def small(variant: str = "ns", seeds: object = 2, **settings):
    data = settings.pop("data", None)
    return plan(variant, settings.pop("options", {}), data=data, seeds=seeds, changes=SMALL | settings)


def digest(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_what_a_run_leaves(tmp_path: Path) -> None:
    run = session.start(small("unrolled", options={"k": 1}), out=tmp_path / "run", device="cpu")
    summary = run.train()
    pictures.draw(run)
    folder = tmp_path / "run"
    expected = "config.json summary.json metrics.csv samples.png losses.png samples.npz checkpoint.safetensors generator.safetensors DONE"
    assert {p.name for p in folder.iterdir()} >= set(expected.split())
    assert json.loads((folder / "summary.json").read_text())["metrics"].keys() == summary["metrics"].keys()
    assert summary["options"] == {"k": 1, "metz": False}
    modes = summary["metrics"]["modes"]
    assert len(modes["per_seed"]) == 2
    assert modes["mean"] == pytest.approx(np.mean(modes["per_seed"]))
    assert modes["ci95"][0] <= modes["mean"] <= modes["ci95"][1]
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert [(r["seed"], r["round"]) for r in rows] == [(s, r) for r in "369" for s in "01"]
    assert float(rows[-1]["modes"]) == modes["per_seed"][-1]
    config = json.loads((folder / "config.json").read_text())
    assert config["recipe"]["rounds"] == 9
    assert (
        config["versions"]["torch"] == torch.__version__.split("+")[0]
        or config["versions"]["torch"] == torch.__version__
    )
    with np.load(folder / "samples.npz") as kept:
        assert kept["samples"].shape == (2, 2500, 2)
        assert kept["history"].shape == (3, 2, 512, 2)
        assert kept["rounds"].tolist() == [3, 6, 9]


def test_reference_rows_are_what_they_are_called(tmp_path: Path) -> None:
    reference = session.start(small(), out=tmp_path / "run").train()["reference"]
    best = max(reference.values(), key=lambda r: r["modes"])
    worst = min(reference.values(), key=lambda r: r["modes"])
    assert best["modes"] == 8
    assert best["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.01)
    assert worst["modes"] == 1
    assert worst["reverse_kl"] == pytest.approx(np.log(8), abs=1e-6)


def test_runs_of_one_cell_begun_in_one_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = [folders.claimed(tmp_path / "ring" / "20261126-120000-abc").name for _ in range(3)]
    assert made == ["20261126-120000-abc", "20261126-120000-abc-2", "20261126-120000-abc-3"]
    runs = [session.start(small(), device="cpu").folder for _ in range(2)]
    assert runs[0] != runs[1]
    assert all((folder / "config.json").exists() for folder in runs)


def test_a_film_has_so_many_frames_at_most_and_the_last_round_among_them() -> None:
    for n in (1, 59, 60, 61, 120, 121, 1000):
        rounds = list(range(5, 5 * n + 1, 5))
        kept = sorted(film.filmed(rounds))
        assert kept[-1] == 5 * n
        assert min(n, 31) <= len(kept) <= 60
        assert n > 60 or kept == rounds


def test_a_cell_survives_its_config(tmp_path: Path) -> None:
    cell = small("wgan", seeds="3,5", options={"clip": 0.05})
    session.start(cell, out=tmp_path / "run")
    assert read_cell(tmp_path / "run") == cell


def test_the_key_changes_with_what_decides_the_result_only() -> None:
    base = small()
    assert base.key == small().key
    keys = {base.key, small(seeds=3).key, small(rounds=10).key, small("vanilla").key, small("unrolled").key}
    assert len(keys) == 5
    assert plan("r1", {"gamma": 10}) == plan("r1", {"gamma": 10.0})
    assert plan("r1", {"gamma": 10}).key == plan("r1", {"gamma": 10.0}).key


def test_the_key_follows_what_the_users_files_hold(tmp_path: Path) -> None:
    """A sweep passed over a cell as finished after its data had been replaced."""
    file, images = tmp_path / "own.npz", tmp_path / "images"
    images.mkdir()

    def keys(value: int) -> tuple[str, str]:
        np.savez(file, samples=np.full((9, 2), value) + np.arange(9)[:, None])
        for part in ("train", "t10k"):
            write_idx(images / f"{part}-images-idx3-ubyte", np.full((9, 8, 8), value, np.uint8))
            write_idx(images / f"{part}-labels-idx1-ubyte", np.arange(9, dtype=np.uint8))
        return small(data=str(file)).key, small(data=f"idx:{images}").key

    first = keys(1)
    assert keys(1) == first
    assert not {*keys(2)} & {*first}
    assert small().fingerprint is None


def test_a_cell_of_the_users_files_survives_its_config(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", samples=np.arange(18.0).reshape(9, 2))
    cell = small(data=str(tmp_path / "own.npz"))
    session.start(cell, out=tmp_path / "run")
    assert read_cell(tmp_path / "run") == cell


def test_a_run_goes_on_only_with_the_data_that_it_began_with(tmp_path: Path) -> None:
    def put(first: float) -> None:
        np.savez(tmp_path / "own.npz", samples=first + np.arange(200.0).reshape(100, 2))

    put(0)
    session.start(small(data=str(tmp_path / "own.npz")), out=tmp_path / "run").train()
    put(1)
    for again in (session.resume, sampling.open_run, subjects.load):
        with pytest.raises(toy_data.DataError, match="holds other data than when the run began; put back"):
            again(tmp_path / "run")
    subjects.load(tmp_path / "run", str(tmp_path / "own.npz"))  # asked for by name, they are what is meant
    put(0)
    session.resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (0, 1, 2)), ("2-4", (2, 3, 4)), ("5,3", (5, 3)), (2, (0, 1)), ([7], (7,))]
)
def test_seeds(text: object, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


def test_digits_train_and_their_picture_is_drawn(tmp_path: Path) -> None:
    run = session.start(plan("ns", {}, data="digits", seeds=2, changes=SMALL), out=tmp_path / "run")
    summary = run.train()
    pictures.draw(run)
    assert 1 <= summary["metrics"]["modes"]["mean"] <= 10
    assert summary["judge"]["accuracy"] > 0.97
    assert summary["reference"]["data"]["modes"] == 10
    assert summary["reference"]["collapsed"]["modes"] == 1
    assert "no high-quality share" in summary["unavailable"]["high_quality"]
    assert (tmp_path / "run" / "samples.png").stat().st_size > 5000
    with np.load(tmp_path / "run" / "samples.npz") as kept:
        assert kept["samples"].shape[2:] == (1, 8, 8)
        assert np.abs(kept["samples"]).max() <= 1
        again = evaluate(torch.from_numpy(kept["samples"]), toy_data.load("digits"), ["fid"], references=["collapsed"])
    assert summary["metrics"]["fid"]["per_seed"] == pytest.approx(again["metrics"]["fid"], rel=1e-6)
    assert (
        summary["reference"]["data"]["fid"]
        < 20
        < summary["reference"]["collapsed"]["fid"]
        == again["reference"]["collapsed"]["fid"]
    )


def test_a_run_finds_its_data_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here := tmp_path / "here").mkdir()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(here)
    np.savez("own.npz", samples=np.random.default_rng(0).normal(size=(100, 2)))
    images = np.zeros((12, 8, 8), np.uint8)
    (here / "idx").mkdir()
    for kind in ("train", "t10k"):
        write_idx(here / "idx" / f"{kind}-images-idx3-ubyte", images)
        write_idx(here / "idx" / f"{kind}-labels-idx1-ubyte", np.arange(12, dtype=np.uint8) % 2)
    run = session.start(small(data="own.npz"), out=tmp_path / "run")
    run.train(pictures.draw)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["data"], config["data_path"]) == ("own.npz", str(here / "own.npz"))
    assert small(data="idx:idx").data_path == f"idx:{here / 'idx'}"
    assert small().data_path is None
    assert replace(run.cell, data_path=None).key == run.cell.key  # as runs of old have it
    monkeypatch.chdir(elsewhere)
    sampler = sampling.open_run(tmp_path / "run")
    assert sampler.sample(sampler.latents(3)).shape == (3, 2)
    assert subjects.load(tmp_path / "run").data.name == "own"
    session.resume(tmp_path / "run")
    assert report_parts.data_of(rundir.read(tmp_path / "run")) is not None
    np.savez("own.npz", samples=np.zeros((100, 2)))  # another of that name
    assert sampling.open_run(tmp_path / "run").data.samples.any()
    (here / "own.npz").rename(elsewhere / "own.npz")  # taken along
    assert sampling.open_run(tmp_path / "run").data.samples.any()
    (elsewhere / "own.npz").unlink()
    with pytest.raises(ZooError, match=r"There is no file own\.npz"):
        sampling.open_run(tmp_path / "run")


def test_data_are_called_by_their_file_not_by_its_folders(tmp_path: Path) -> None:
    assert [naming.data_name(n) for n in ("ring", "/a/b/own.npz", "idx:/a/fashion", "folder:a/b/cats", "folder:.")] == [
        "ring",
        "own.npz",
        "idx:fashion",
        "folder:cats",
        "folder:.",
    ]
    assert naming.path_of("folder:cats") == f"folder:{Path('cats').absolute()}"
    assert naming.data_folder("folder:a/cats") == "folder-a-cats"
    write_run(tmp_path, "ns", [1, 1, 1], data="own.npz")
    (config := tmp_path / "own.npz" / "ns" / "a" / "config.json").write_text(
        config.read_text().replace("own.npz", "/a/b/own.npz")
    )
    assert caption(compare([tmp_path])[0]).startswith("own.npz: ")
    assert rundir.read(config.parent).title == "ns on own.npz, 3 seeds"


def test_a_users_points_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", samples=rng.normal(50, 9, (500, 3)))
    cell = plan("ns", {}, data=str(tmp_path / "own.npz"), seeds=1, changes=SMALL)
    assert cell.recipe.standardise
    summary = session.start(cell, out=tmp_path / "run").train()
    assert list(summary["metrics"]) == ["recall", "coverage", "precision", "one_nn"]
    assert summary["reference"]["data"]["coverage"] > 0.8 > 0.2 > summary["reference"]["collapsed"]["coverage"]
    assert "no known modes" in summary["unavailable"]["modes"]


def test_a_users_labels_tell_the_modes_of_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=900)
    points = np.stack([10.0 * labels, np.zeros(900)], 1) + rng.normal(size=(900, 2))
    np.savez(tmp_path / "own.npz", samples=points, labels=labels + 5)
    data = toy_data.load(str(tmp_path / "own.npz"))
    x = torch.tensor([[-1.0, 0], [11, 2], [19, -3], [np.nan, 0]])[None]
    assert Subject(Setting(data, Protocol(), 4), x).assigned[0].tolist() == [[0, 1, 2, -1]]
    cell = plan("ns", {}, data=str(tmp_path / "own.npz"), seeds=1, changes=SMALL)
    run = session.start(cell, out=tmp_path / "run")
    summary = run.train()
    assert summary["reference"]["data"]["modes"] == 3
    assert summary["reference"]["collapsed"]["modes"] == 1
    assert {"modes", "reverse_kl", "coverage", "precision"} <= summary["metrics"].keys()
    assert "however far; precision stands for quality" in summary["unavailable"]["high_quality"]
    assert summary["verdict"]
    found = evaluate(torch.from_numpy(points[labels < 2]).float()[None], data)
    assert found["metrics"]["modes"] == 2
    drawn = sampling.open_run(tmp_path / "run")
    assert drawn.modes(x[0]).tolist() == [0, 1, 2, -1]
    with pytest.raises(AssertionError, match="missing modes: 2 at label 2"):
        mode_coverage(points[labels < 2], str(tmp_path / "own.npz"), at_least=1)


def test_mnist_trains_and_says_how_to_count_its_modes(
    tmp_path: Path, mnist_root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = plan("ns", {}, data="mnist", data_root=mnist_root, seeds=1, changes=SMALL)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))  # no judge of MNIST there
    run = session.start(cell, out=tmp_path / "run")
    summary = run.train()
    assert "zoo judge --data mnist" in summary["unavailable"]["modes"]
    with np.load(tmp_path / "run" / "samples.npz") as kept:
        assert kept["samples"].shape[2:] == (1, 28, 28)


def test_a_seed_that_a_metric_misses_is_left_out_of_mean_and_interval_alike(tmp_path: Path) -> None:
    run = session.start(small(seeds=3), out=tmp_path / "run")
    run.train()
    for row in run.rows:
        if row["seed"] == 1:
            row["reverse_kl"] = float("nan")
    found = finishing.finish(run)["metrics"]["reverse_kl"]
    rest = [found["per_seed"][i] for i in (0, 2)]
    assert found["missing"] == 1
    assert found["mean"] == pytest.approx(np.mean(rest))
    assert min(rest) <= found["ci95"][0] <= found["ci95"][1] <= max(rest)
