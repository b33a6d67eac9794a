"""Runs from names to files: what is written, exact resume after a kill, and settings that are refused before anything is written."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import toy_data
from tests.toy_data.test_idx import write_idx
from zoo import checkpoint, harness
from zoo.errors import ZooError
from zoo.evaluation.evaluate import evaluate
from zoo.files import LOCK, alone
from zoo.runs import folders, pictures, session
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


@pytest.mark.parametrize("stop_after", [1, 4, 8])
def test_a_killed_run_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    monkeypatch.setattr(harness, "TURN", 0.0)  # it looks up after every round
    cell = small("ns", ema=0.9, decay=0.5)
    whole = session.start(cell, out=tmp_path / "whole")
    whole.train()
    part = session.start(cell, out=tmp_path / "part")
    part.training.progress = lambda played: part.asked_to_stop.set() if played >= stop_after else None
    with pytest.raises(session.Interrupted):
        part.train()
    assert (tmp_path / "part" / "INTERRUPTED").exists()
    again = session.resume(tmp_path / "part")
    assert again.training.played >= stop_after
    again.train()
    for name in ("metrics.csv", "generator.safetensors"):
        assert digest(tmp_path / "whole", name) == digest(tmp_path / "part", name)
    a, b = (checkpoint.read(tmp_path / f / checkpoint.NAME)[0] for f in ("whole", "part"))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a if k != "notes")  # which tell the seconds
    assert not (tmp_path / "part" / "INTERRUPTED").exists()


def test_a_run_that_died_after_its_last_checkpoint_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = session.start(small(every=4), out=tmp_path / "whole")  # rounds that the interval does not divide
    whole.train()
    run = session.start(small(every=4), out=tmp_path / "run")
    with monkeypatch.context() as dying:
        dying.setattr(run, "finish", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.train()
    again = session.resume(tmp_path / "run")
    assert again.training.played == 9
    again.train()
    for name in ("metrics.csv", "generator.safetensors"):
        assert digest(tmp_path / "whole", name) == digest(tmp_path / "run", name)


def test_a_run_goes_on_on_the_kind_of_device_that_it_began_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine that has found a GPU since: another kind of device draws other numbers."""
    session.start(small(), out=tmp_path / "run", device="cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert session.resume(tmp_path / "run").device.type == "cpu"


def test_runs_of_one_cell_begun_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    made = [folders.claimed(tmp_path / "ring" / "20261126-120000-abc").name for _ in range(3)]
    assert made == ["20261126-120000-abc", "20261126-120000-abc-2", "20261126-120000-abc-3"]
    runs = [session.start(small(), root=tmp_path / "runs", device="cpu").folder for _ in range(2)]
    assert runs[0] != runs[1]
    assert all((folder / "config.json").exists() for folder in runs)


def test_two_processes_do_not_train_into_one_folder(tmp_path: Path) -> None:
    run = session.start(small(), out=tmp_path / "run", device="cpu")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom zoo.files import alone\n"
        "with alone(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(ZooError, match=f"is being trained by process {other.pid}"):
        run.train()
    other.kill()  # whoever dies lets go
    other.wait()
    assert session.resume(tmp_path / "run").train()["rounds"] == 9
    with pytest.raises(ZooError, match="already and not empty"):
        session.start(small(), out=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_metric_that_comes_or_goes_while_a_run_is_interrupted_leaves_empty_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge of images may be trained, or lost, between two sittings; no round is played in vain for it."""
    for name, before, after in (("gained", False, True), ("lost", True, False)):
        run, counts = session.start(small(), out=tmp_path / name, device="cpu"), {3: before, 6: before, 9: after}
        scored = run.training.evaluate

        def evaluate(samples: torch.Tensor, run=run, counts=counts, scored=scored) -> dict[str, torch.Tensor]:
            found = dict(scored(samples))
            return found if counts[run.training.played] else {k: v for k, v in found.items() if k != "modes"}

        run.training.evaluate = evaluate
        summary = run.train()
        assert ("modes" in summary["metrics"]) == after
        rows = list(csv.DictReader((tmp_path / name / "metrics.csv").open()))
        assert [row["modes"] != "" for row in rows] == [before] * 4 + [after] * 2
        pictures.draw(run)


def test_a_film_has_so_many_frames_at_most_and_the_last_round_among_them() -> None:
    for n in (1, 59, 60, 61, 120, 121, 1000):
        rounds = list(range(5, 5 * n + 1, 5))
        kept = sorted(session.filmed(rounds))
        assert kept[-1] == 5 * n
        assert min(n, 31) <= len(kept) <= 60
        assert n > 60 or kept == rounds


def test_a_run_that_goes_on_is_no_longer_called_interrupted(tmp_path: Path) -> None:
    run = session.start(small(), out=tmp_path / "run", device="cpu")
    (tmp_path / "run" / "INTERRUPTED").touch()
    seen: list[bool] = []
    run.listener.evaluated = lambda record: seen.append((tmp_path / "run" / "INTERRUPTED").exists())  # type: ignore[method-assign]
    run.train()
    assert seen == [False] * 3


def test_a_run_that_dies_while_it_writes_its_samples_leaves_no_half_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(file: Any, **arrays: np.ndarray) -> None:
        np.savez(file, **arrays)
        raise MemoryError

    monkeypatch.setattr(np, "savez_compressed", dies)
    with pytest.raises(MemoryError):
        session.start(small(), out=tmp_path / "run").train()
    assert not (tmp_path / "run" / "samples.npz").exists()


def test_a_run_goes_on_in_the_groups_that_it_began_with(tmp_path: Path) -> None:
    """A seed alone is played by other kernels than one among others, so the bytes depend on it; and groups on how many threads there are."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        cell = small()
        session.start(cell, out=tmp_path / "whole").train()
        run = session.start(cell, out=tmp_path / "run")
        run.training.progress = lambda played: run.asked_to_stop.set()
        with pytest.raises(session.Interrupted):
            run.train()
        torch.set_num_threads(2)
        assert session.Run(cell, tmp_path, torch.device("cpu")).training.groups == 2
        again = session.resume(tmp_path / "run")
        assert again.training.groups == 1
        again.train()
    finally:
        torch.set_num_threads(threads)
    assert digest(tmp_path / "whole", "generator.safetensors") == digest(tmp_path / "run", "generator.safetensors")


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    run = session.start(small(), out=tmp_path / "run")
    run.train()
    newest = tmp_path / "run" / checkpoint.NAME
    newest.write_bytes(newest.read_bytes()[:100])
    again = session.resume(tmp_path / "run")
    assert again.training.played == 6
    newest.with_name(checkpoint.PREVIOUS).write_bytes(b"nothing")
    with pytest.raises(ZooError, match="cannot be read as a checkpoint"):
        session.resume(tmp_path / "run")


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


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (0, 1, 2)), ("2-4", (2, 3, 4)), ("5,3", (5, 3)), (2, (0, 1)), ([7], (7,))]
)
def test_seeds(text: object, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["0", "-1", "4-2", "1,1", "x", "1.5", "", "1-2-3"])
def test_wrong_seeds(text: str) -> None:
    with pytest.raises(ZooError, match=r"^seeds are how many"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["99999999999", "0-9999999999", "100001", f"0-{10**40}", range(10**6)])
def test_too_many_seeds_are_refused_before_they_are_listed(text: Any) -> None:
    with pytest.raises(ZooError, match="At most 100,000 seeds"):
        parse_seeds(text)


REFUSED = {
    "--batch must be at most 16,777,216, not 99999999999": lambda: plan("ns", changes={"batch": 99999999999}),
    "--width must be at most 65,536, not 99999999": lambda: plan("ns", changes={"width": 99999999}),
    "--latent must be at most 65,536": lambda: plan("ns", changes={"latent": 99999999}),
    "--rounds must be at most 1,000,000,000": lambda: plan("ns", changes={"rounds": 10**12}),
    "did you mean 'unrolled'": lambda: plan("unroled"),
    "--k must be at least 0": lambda: plan("unrolled", {"k": -1}),
    "--k takes a whole number": lambda: plan("unrolled", {"k": 1.5}),
    "did you mean 'k'": lambda: plan("unrolled", {"kk": 1}),
    "ns has no options": lambda: plan("ns", {"k": 1}),
    "--lr-d must be a finite number": lambda: plan("ns", changes={"lr_d": float("nan")}),
    "--lr-g must be above 0": lambda: plan("ns", changes={"lr_g": 0.0}),
    "did you mean 'rounds'": lambda: plan("ns", changes={"round": 3}),
    "did you mean 'pacgan'": lambda: plan("ns", protocol="pacgam"),
    "did you mean 'relu'": lambda: plan("ns", changes={"activation": "rulu"}),
    "did you mean 'resnet'": lambda: plan("ns", changes={"kit": "resnat"}),
    "needs images": lambda: plan("ns", changes={"kit": "conv"}),
    "'conv' has no use for 'depth': .* uses width and norm": lambda: plan(
        "ns", data="digits", changes={"kit": "conv", "depth": 7}
    ),
    "'conv' has no use for 'activation'": lambda: plan(
        "ns", data="digits", changes={"kit": "conv", "activation": "no"}
    ),
    "'pacgan' has no use for 'width': .* fixed sizes": lambda: plan("ns", recipe="pacgan-grid", changes={"width": 64}),
    "did you mean 'ring'": lambda: plan("ns", recipe="rinf"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_settings_are_one_sentence(sentence: str) -> None:
    with pytest.raises(ZooError, match=sentence) as caught:
        REFUSED[sentence]()
    assert "\n" not in str(caught.value)


def test_a_file_is_no_folder_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="file is a file; --out names the folder"):
        session.start(small(), out=tmp_path / "file")


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(ZooError, match="not empty"):
        session.start(small(), out=tmp_path)


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


def test_a_users_points_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", samples=rng.normal(50, 9, (500, 3)))
    cell = plan("ns", {}, data=str(tmp_path / "own.npz"), seeds=1, changes=SMALL)
    assert cell.recipe.standardise
    summary = session.start(cell, out=tmp_path / "run").train()
    assert summary["metrics"] == {}
    assert "no known modes" in summary["unavailable"]["modes"]


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


def test_data_errors_reach_the_user_as_they_are() -> None:
    with pytest.raises(toy_data.DataError, match="did you mean 'ring'"):
        plan("ns", data="rign")


@pytest.mark.parametrize(
    ("variant", "options", "least"),
    [
        ("ebgan", {}, 2),
        ("gdpp", {}, 2),
        ("msgan", {}, 2),
        ("pacgan", {"pack": 3}, 3),
        ("presgan", {"burn_in": 3, "draws": 1}, 5),
        ("ns", {}, 1),
    ],
)
def test_batches_too_small_for_a_loss_are_refused(variant: str, options: dict[str, int], least: int) -> None:
    assert small(variant, options=options, batch=least).recipe.batch == least
    if least > 1:
        with pytest.raises(
            ZooError, match=f"{variant} needs batches of {least} samples or more, not --batch {least - 1}"
        ):
            small(variant, options=options, batch=least - 1)


@pytest.mark.parametrize("variant", ["presgan", "vae", "flow-matching"])
def test_methods_whose_formula_needs_normal_latents_refuse_others(variant: str) -> None:
    with pytest.raises(ZooError, match=rf"{variant} rests on latents from N\(0, 1\), so --uniform-latent"):
        small(variant, uniform_latent=True)


@pytest.mark.parametrize("seeds", [[0, 0], [], [-1, 2], [1.5], ["a"], "0,0", "3-1"])
def test_seeds_that_are_none_are_refused(seeds: Any) -> None:
    with pytest.raises(ZooError, match="of different seeds"):
        parse_seeds(seeds)


def test_a_seed_that_a_metric_misses_is_left_out_of_mean_and_interval_alike(tmp_path: Path) -> None:
    run = session.start(small(seeds=3), out=tmp_path / "run")
    run.train()
    for row in run.rows:
        if row["seed"] == 1:
            row["reverse_kl"] = float("nan")
    found = run.finish()["metrics"]["reverse_kl"]
    rest = [found["per_seed"][i] for i in (0, 2)]
    assert found["missing"] == 1
    assert found["mean"] == pytest.approx(np.mean(rest))
    assert min(rest) <= found["ci95"][0] <= found["ci95"][1] <= max(rest)


def test_ctrl_c_in_python_is_heard_within_a_turn_and_the_run_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = session.start(small(), out=tmp_path / "whole", device="cpu").train()
    run = session.start(small(), out=tmp_path / "run", device="cpu")

    def pressed(played: int) -> None:
        run.training.progress = lambda played: None
        raise KeyboardInterrupt

    run.training.progress = pressed
    with pytest.raises(KeyboardInterrupt):
        run.train()
    assert run.training.played < small().recipe.rounds or len(run.rows) < len(session.resume(tmp_path / "whole").rows)
    assert (tmp_path / "run" / "INTERRUPTED").exists()
    assert session.resume(tmp_path / "run").train()["metrics"] == whole["metrics"]
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == (tmp_path / "whole" / "metrics.csv").read_bytes()


def test_an_interrupted_run_is_saved_before_another_process_may_have_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = session.start(small(), out=tmp_path / "run", device="cpu")
    run.listener.evaluated = lambda record: run.asked_to_stop.set()  # type: ignore[method-assign]
    save, held = session.Run.save, []

    def watched(mine: session.Run) -> None:
        with pytest.raises(ZooError, match="is being trained by process"), alone(tmp_path / "run"):
            pass
        held.append(True)
        save(mine)

    monkeypatch.setattr(session.Run, "save", watched)
    with pytest.raises(session.Interrupted):
        run.train()
    assert len(held) == 2  # at the evaluation, and at the end


def test_a_run_that_was_opened_before_another_process_played_on_takes_up_what_that_left(tmp_path: Path) -> None:
    run = session.start(small(), out=tmp_path / "run", device="cpu")
    run.listener.evaluated = lambda record: run.asked_to_stop.set()  # type: ignore[method-assign]
    with pytest.raises(session.Interrupted):
        run.train()
    waiting, other = session.resume(tmp_path / "run"), session.resume(tmp_path / "run")
    other.listener.evaluated = lambda record: other.asked_to_stop.set()  # type: ignore[method-assign]
    with pytest.raises(session.Interrupted):
        other.train()
    seen: list[int] = []
    waiting.listener.evaluated = lambda record: seen.append(record.round)  # type: ignore[method-assign]
    waiting.train()
    assert seen == small().recipe.evaluations()[2:]


@pytest.mark.parametrize(
    ("variant", "options", "changes", "sentence"),
    [
        ("veegan", {}, {"shared_batch": True}, "all its players at once, on one batch; leave --shared-batch out"),
        ("wgan", {}, {"b1": 0.9}, "an optimiser of its own, which takes no --b1 and --b2"),
        ("ns", {}, {"rounds": 10**9, "every": 1}, "more than 100,000 evaluations"),
    ],
)
def test_what_would_change_nothing_or_never_end_is_refused(
    variant: str, options: dict[str, Any], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ZooError, match=sentence):
        plan(variant, options, changes=changes)


def test_kits_that_a_method_cannot_work_on_are_refused() -> None:
    with pytest.raises(ZooError, match="layers that start at 0"):
        plan("sn", data="digits", changes={"kit": "resnet"})
    with pytest.raises(ZooError, match="activations that stand in a row of layers"):
        plan("dropout", data="digits", changes={"kit": "resnet"})


def test_a_config_that_describes_no_run_is_a_sentence(tmp_path: Path) -> None:
    session.start(small(), out=tmp_path / "run", device="cpu")
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": None}))
    with pytest.raises(ZooError, match="describes no run"):
        session.resume(tmp_path / "run")
