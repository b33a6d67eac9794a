"""Runs that were killed, interrupted or found by another process: they go on to the same bytes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.runs.test_session import digest, small
from zoo import checkpoint, training
from zoo.errors import ZooError
from zoo.files import LOCK, alone
from zoo.runs import pictures, session


@pytest.mark.parametrize("stop_after", [1, 4, 8])
def test_a_killed_run_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    monkeypatch.setattr(training, "TURN", 0.0)  # it looks up after every round
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
        dying.setattr(session, "finish", lambda run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.train()
    half = tmp_path / "run" / "summary.json.0123abcd.new"
    half.touch()
    again = session.resume(tmp_path / "run")
    assert again.training.played == 9
    again.train()
    assert not half.exists()
    for name in ("metrics.csv", "generator.safetensors"):
        assert digest(tmp_path / "whole", name) == digest(tmp_path / "run", name)


def test_a_run_goes_on_on_the_kind_of_device_that_it_began_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine that has found a GPU since: another kind of device draws other numbers."""
    session.start(small(), out=tmp_path / "run", device="cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert session.resume(tmp_path / "run").device.type == "cpu"


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


def test_a_run_that_goes_on_is_no_longer_called_interrupted(tmp_path: Path) -> None:
    run = session.start(small(), out=tmp_path / "run", device="cpu")
    (tmp_path / "run" / "INTERRUPTED").touch()
    seen: list[bool] = []
    run.listener.evaluated = lambda record: seen.append((tmp_path / "run" / "INTERRUPTED").exists())
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
        assert session.Session(cell, tmp_path, torch.device("cpu")).training.groups == 2
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
    run.listener.evaluated = lambda record: run.asked_to_stop.set()
    save, held = session.Session.save, []

    def watched(mine: session.Session) -> None:
        with pytest.raises(ZooError, match="is being trained by process"), alone(tmp_path / "run"):
            pass
        held.append(True)
        save(mine)

    monkeypatch.setattr(session.Session, "save", watched)
    with pytest.raises(session.Interrupted):
        run.train()
    assert len(held) == 2  # at the evaluation, and at the end


def test_a_run_that_was_opened_before_another_process_played_on_takes_up_what_that_left(tmp_path: Path) -> None:
    run = session.start(small(), out=tmp_path / "run", device="cpu")
    run.listener.evaluated = lambda record: run.asked_to_stop.set()
    with pytest.raises(session.Interrupted):
        run.train()
    waiting, other = session.resume(tmp_path / "run"), session.resume(tmp_path / "run")
    other.listener.evaluated = lambda record: other.asked_to_stop.set()
    with pytest.raises(session.Interrupted):
        other.train()
    seen: list[int] = []
    waiting.listener.evaluated = lambda record: seen.append(record.round)
    waiting.train()
    assert seen == small().recipe.evaluations()[2:]


# Longer ones


@pytest.mark.parametrize("variant", ["ns", "lookahead", "instance-noise"])
@pytest.mark.parametrize(
    ("decay", "stop", "begins"), [(0.0, None, 8), (0.0, 4, 4), (0.5, None, 4), (0.5, 4, 4), (0.5, 6, 4)]
)
def test_a_lengthened_run_is_the_long_run(
    tmp_path: Path, variant: str, decay: float, stop: int | None, begins: int
) -> None:
    short = session.start(small(variant, rounds=8, every=2, decay=decay), out=tmp_path / "short", device="cpu")
    played(short, stop)
    before = {path.name: path.read_bytes() for path in (tmp_path / "short").iterdir()}
    session.start(small(variant, rounds=20, every=2, decay=decay), out=tmp_path / "long", device="cpu").train()
    longer = session.lengthen(tmp_path / "short", 20, out=tmp_path / "longer")
    assert longer.training.played == begins
    longer.train()
    for name in ("metrics.csv", "generator.safetensors"):
        assert digest(tmp_path / "long", name) == digest(tmp_path / "longer", name)
    assert films(tmp_path / "long", tmp_path / "longer")
    assert json.loads((tmp_path / "longer" / "config.json").read_text())["lengthened"]["round"] == begins
    assert {path.name: path.read_bytes() for path in (tmp_path / "short").iterdir()} == before


def played(run: session.Session, until: int | None) -> None:
    """To its end, or stopped after so many rounds."""
    if until is None:
        run.train()
        return
    run.listener.evaluated = lambda record: run.asked_to_stop.set() if record.round == until else None
    with pytest.raises(session.Interrupted):
        run.train()


def films(one: Path, other: Path) -> bool:
    """Whether two runs kept the same samples."""
    with np.load(one / "samples.npz") as a, np.load(other / "samples.npz") as b:
        return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_of_a_film_that_is_thinned_a_longer_run_keeps_what_it_would_have_kept(tmp_path: Path) -> None:
    """Of 71 evaluations every second is kept, and the last, which the longer run does not have; of its 250 every eighth."""
    session.start(small("ns", rounds=141, every=2, decay=0), out=tmp_path / "short", device="cpu").train()
    session.start(small("ns", rounds=500, every=2, decay=0), out=tmp_path / "long", device="cpu").train()
    session.lengthen(tmp_path / "short", 500, out=tmp_path / "longer").train()
    assert films(tmp_path / "long", tmp_path / "longer")
    with (tmp_path / "longer" / "metrics.csv").open() as file:
        assert {int(row["round"]) for row in csv.DictReader(file)} == {*range(2, 501, 2)}


def test_a_lengthened_run_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    session.start(small("ns", rounds=8, every=2), out=tmp_path / "short", device="cpu").train()
    session.start(small("ns", rounds=20, every=2), out=tmp_path / "long", device="cpu").train()
    run = session.lengthen(tmp_path / "short", 20, out=tmp_path / "longer")
    assert session.resume(tmp_path / "longer").training.played == 4  # it may be killed from the start
    played(run, 12)
    session.resume(tmp_path / "longer").train()
    assert digest(tmp_path / "long", "metrics.csv") == digest(tmp_path / "longer", "metrics.csv")
    assert session.lengthen(tmp_path / "longer", 30, out=tmp_path / "longest").training.played == 10


def test_what_cannot_be_lengthened_is_a_sentence_and_nothing_is_written(tmp_path: Path) -> None:
    falling = session.start(small("ns", rounds=8, every=2, decay=1), out=tmp_path / "falling", device="cpu")
    falling.train()
    session.start(small("ns", rounds=8, every=2), out=tmp_path / "gone", device="cpu").train()
    for path in (tmp_path / "gone").glob("checkpoint*"):
        path.unlink()
    for name, rounds, told in (
        ("gone", 8, "has 8 rounds; to lengthen it give more, not 8"),
        ("gone", 20, r"no checkpoint from before its rates fell \(decay 0.5\)"),
        ("falling", 20, r"\(decay 1\), from which .* begin it anew, with --rounds 20"),
    ):
        with pytest.raises(ZooError, match=told):
            session.lengthen(tmp_path / name, rounds, out=tmp_path / "longer")
    assert not (tmp_path / "longer").exists()
