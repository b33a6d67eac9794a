"""The zoo from Python: five lines, the same settings and the same sentences as on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toy_data
import zoo
from zoo.api.results import Result
from zoo.errors import ZooError


def test_options_of_the_method_and_of_the_recipe_are_given_alike(tmp_path: Path) -> None:
    result = zoo.run("unrolled", k=1, rounds=4, every=2, width=8, batch=16, seeds=2, out=tmp_path / "r", progress=False)
    config = json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))
    assert (config["options"]["k"], config["recipe"]["rounds"], config["recipe"]["width"]) == (1, 4, 8)
    assert result.samples.shape == (2, 2500, 2)
    assert list(result.metrics["round"].unique()) == [2, 4]
    assert {"mean", "median", "low", "high", "data", "collapsed"} <= set(result.table().columns)
    assert result.table()[["low", "high"]].isna().all(axis=None)  # of two seeds


def test_a_recipe_s_own_variant_need_not_be_named(tmp_path: Path) -> None:
    result = zoo.run(recipe="d2gan-ring", rounds=2, batch=8, seeds=1, out=tmp_path / "r", progress=False)
    assert result.summary["variant"] == "d2gan"


def test_what_neither_has_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="There is no option 'kk' of unrolled; did you mean 'k'"):
        zoo.run("unrolled", kk=1, out=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_finished_run_is_opened_again_and_sampled(tmp_path: Path) -> None:
    made = zoo.run("ns", rounds=4, every=4, width=8, batch=16, seeds="3,5", out=tmp_path / "r", progress=False)
    again = zoo.open_run(tmp_path / "r")
    assert again == made
    assert repr(again) == f"Result(folder={again.folder!r})"
    new = again.sample(300, seed_of_run=5)
    assert new.shape == (300, 2)
    assert np.isfinite(new).all()
    assert not np.array_equal(new, again.sample(300))  # the first seed's
    for ask in (again.sample, again.latents, lambda n, **seed: again.interpolate(0, 1, n, **seed)):
        with pytest.raises(ZooError, match="has the seeds 3, 5, so seed_of_run cannot be 4"):
            ask(3, seed_of_run=4)
    for n in (0, -1, 2.5, None):
        with pytest.raises(ZooError, match=f"at least 1, not {n}"):
            again.sample(n)
    (tmp_path / "r" / "summary.json").unlink()
    with pytest.raises(ZooError, match="zoo run --resume"):
        zoo.open_run(tmp_path / "r")


def test_a_result_printed_says_what_it_is_and_what_happened(tmp_path: Path) -> None:
    told: dict[str, Any] = {"variant": "unrolled", "options": {"k": 5}, "data": "data/own.npz"}
    told |= {"metrics": {}, "reference": {}, "verdict": []}
    result = Result(tmp_path / "gone", told)  # no file is read for it

    def printed(seeds: list[int]) -> str:
        told["seeds"] = seeds
        return str(result)

    assert printed([0, 1]) == "unrolled k=5 on own.npz, 2 seeds"
    told |= {"metrics": {"modes": {"mean": 6.5}}, "reference": {"data": {"modes": 8.0}}}
    told["verdict"] = ["Seed 3 misses 1 of 8 modes."]
    assert printed([3]) == "unrolled k=5 on own.npz, 1 seed: 6.5 of 8 modes covered\nSeed 3 misses 1 of 8 modes."
    assert printed([3, 4]).startswith("unrolled k=5 on own.npz, 2 seeds: 6.5 of 8 modes covered on average\n")
    told["metrics"] = {"modes": {"mean": None}}  # every seed diverged
    assert printed([3, 4]).startswith("unrolled k=5 on own.npz, 2 seeds\n")
    assert repr(result) == f"Result(folder={tmp_path / 'gone'!r})"


@pytest.mark.parametrize("variant", ["ns", "madgan"])  # of several generators, which take turns
def test_samples_are_numbered_and_latents_are_in_one_s_hands(tmp_path: Path, variant: str) -> None:
    made = zoo.run(variant, rounds=2, width=8, batch=16, seeds="3,5", out=tmp_path / "r", progress=False)
    samples, z = made.sample(40, seed_of_run=5), made.latents(40, seed_of_run=5)
    assert z.shape[0] == 40
    assert np.array_equal(made.sample(10, seed_of_run=5, first=30), samples[30:])
    assert np.array_equal(made.latents(10, seed_of_run=5, first=30), z[30:])
    assert np.array_equal(made.sample(latents=z, seed_of_run=5), samples)
    assert np.array_equal(made.sample(7, latents=torch.from_numpy(z), seed_of_run=5), samples[:7])
    walk = made.interpolate(2, 17, 5, seed_of_run=5)
    assert walk.shape == (5, 2)
    np.testing.assert_allclose(walk[0], samples[2], atol=1e-6)
    if variant == "ns":
        np.testing.assert_allclose(walk[-1], samples[17], atol=1e-6)
    with pytest.raises(ZooError, match=r"have shape \[n, \d+\], those in the array have \[3, 1\]"):
        made.sample(latents=np.zeros((3, 1)))
    with pytest.raises(ZooError, match="Some latents in the array are not finite numbers"):
        made.sample(latents=np.full_like(z, np.nan))
    with pytest.raises(ZooError, match="first is a whole number, at least 0, not -1"):
        made.sample(3, first=-1)
    with pytest.raises(ZooError, match="of latents of your own give those that you want"):
        made.sample(3, first=2, latents=z)
    with pytest.raises(ZooError, match="The array holds 40 latents, fewer than n = 41"):
        made.sample(41, latents=z)
    with pytest.raises(ZooError, match="n is a whole number, at least 2, not 1"):
        made.interpolate(0, 1, 1)


def test_samples_of_any_generator_are_evaluated() -> None:
    grid = toy_data.load("grid")
    half = grid.sample(8000, torch.Generator().manual_seed(0))
    half = half[half[:, 0] > 0.5][:2500]  # two columns of five
    found = zoo.evaluate(half.numpy(), "grid", ["modes", "reverse_kl"])
    assert found.metrics["modes"] == 10
    assert found.metrics["reverse_kl"] == pytest.approx(np.log(2.5), abs=0.02)
    assert "miss 15 of 25 modes" in found.verdict[0]
    table = found.table()
    assert table.loc["modes", ["mean", "data", "collapsed"]].tolist() == [10, 25, 1]
    seeds = torch.stack([half, half, grid.sample(len(half)), grid.sample(len(half))]).requires_grad_()
    all_four = zoo.evaluate(seeds, "grid", ["modes"])
    assert all_four.metrics["modes"] == [10, 10, 25, 25]
    assert all_four.table().loc["modes", "low"] < 17.5 < all_four.table().loc["modes", "high"]
    three = zoo.evaluate(seeds[1:], "grid", ["modes"]).table()
    assert three.loc["modes", ["low", "high"]].isna().all()  # as the command shows none of so few


def test_what_cannot_be_evaluated_is_one_sentence() -> None:
    with pytest.raises(ZooError, match="did you mean 'pacgan'"):
        zoo.evaluate(np.zeros((100, 2)), "ring", protocol="pacgn")
    with pytest.raises(ZooError, match="for images, which 'ring' is not; take 'pacgan'"):
        zoo.evaluate(np.zeros((100, 2)), "ring", protocol="stacked-mnist")
    with pytest.raises(ZooError, match="The array holds <U1 where samples are numbers"):
        zoo.evaluate(np.array(["a", "b"]), "ring")
    with pytest.raises(toy_data.DataError, match=r"given by its name, text such as 'ring' or 'mine\.npz', not by 3"):
        zoo.evaluate(np.zeros((100, 2)), 3)
    with pytest.raises(ZooError, match="NaN or infinite"):
        zoo.evaluate(np.full((100, 2), np.nan), "ring")


def test_what_data_cause_is_caught_like_all_else() -> None:
    for data in ("nah", "nowhere.npz", "idx:nowhere"):
        with pytest.raises(zoo.ZooError):
            zoo.run("ns", data=data)
    assert not issubclass(zoo.ZooError, toy_data.DataError)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    given = {
        "k": np.int64(1),
        "rounds": np.int64(4),
        "lr_d": np.float32(0.5),
        "width": np.int32(8),
        "batch": np.uint8(16),
    }
    made = zoo.run(
        "unrolled", seeds=np.int64(2), device=torch.device("cpu"), out=tmp_path / "r", progress=False, **given
    )
    config = json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))
    found = config["options"] | config["recipe"]
    assert [found[name] for name in given] == [1, 4, 0.5, 8, 16]
    assert made.summary["seeds"] == [0, 1]
    assert [type(found[name]) for name in given] == [int, int, float, int, int]
    with pytest.raises(ZooError, match="takes a whole number, not "):
        zoo.run("unrolled", k=np.float64(1.5))


def test_a_name_may_be_given_as_a_path_and_a_metric_by_itself(tmp_path: Path) -> None:
    grid = toy_data.load("grid")
    np.savez(tmp_path / "mine.npz", samples=grid.sample(200).numpy())
    samples = grid.sample(200).to(torch.bfloat16)
    found = zoo.evaluate(samples, tmp_path / "mine.npz", "mmd", references="data")
    assert (list(found.metrics), list(found.reference)) == (["mmd"], ["data"])
    made = zoo.run(
        "ns", data=tmp_path / "mine.npz", rounds=2, width=8, batch=8, seeds=1, out=tmp_path / "r", progress=False
    )
    assert made.summary["data"] == str(tmp_path / "mine.npz")
    with pytest.raises(ZooError, match=r"not by a ndarray; data of your own by that of a file: numpy.savez") as told:
        zoo.run("ns", data=np.zeros((1000, 2)))
    assert len(str(told.value)) < 200
    with pytest.raises(ZooError, match="out is the path of a folder, not 3"):
        zoo.run("ns", out=3)


def test_a_file_is_checked_as_on_the_command_line(tmp_path: Path) -> None:
    from zoo.extending import plugins, scaffold
    from zoo.variant import REGISTRY

    file, _ = scaffold.new_variant("my-fresh-gan", tmp_path)
    try:
        assert zoo.check(file) == []
        assert zoo.check(str(file)) == []
    finally:
        plugins.FILES.pop("my-fresh-gan")
        REGISTRY.pop("my-fresh-gan")


def test_a_run_is_logged_where_it_is_asked_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = []
    monkeypatch.setattr("zoo.tracking.log_run", lambda folder, root: logged.append(folder))
    small = {"rounds": 2, "width": 8, "batch": 8, "seeds": 1, "progress": False}
    zoo.run("ns", out=tmp_path / "not", **small)
    zoo.run("ns", out=tmp_path / "logged", track=True, **small)
    assert logged == [tmp_path / "logged"]


def test_a_notebook_shows_table_verdict_and_picture(tmp_path: Path) -> None:
    made = zoo.run("ns", rounds=4, every=4, width=8, batch=16, seeds=2, out=tmp_path / "r", progress=False)
    page = made._repr_html_()
    assert "<table" in page
    assert "reverse_kl" in page
    assert made.verdict[0].split("(")[0].strip() in page
    assert 'src="data:image/png;base64,iVBOR' in page
    assert "<img" not in zoo.evaluate(made.samples, "ring", ["modes"])._repr_html_()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rounds": "100"},
        {"rounds": None},
        {"seeds": [float("inf")]},
        {"seeds": [[1]]},
        {"seeds": True},
        {"data": 3},
        {"data": Path("x.npz")},
        {"variant": Path("x.npz")},
        {"device": 3},
        {"recipe": 3},
        {"protocol": 3},
    ],
)
def test_values_of_a_wrong_kind_are_one_sentence(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ZooError):
        zoo.run(**{"variant": "ns", "out": tmp_path / "r"} | wrong)
    assert not (tmp_path / "r").exists()
