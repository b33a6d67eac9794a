"""Sweeps: what becomes of cells when workers die, cells fail, others hold them, and somebody presses Ctrl-C."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from submitit.core.utils import FailedJobError

from tests.synthetic_sweeps import PLUGIN, Inline, done, pretend, tiny
from zoo.errors import ZooError
from zoo.extending import plugins
from zoo.progress import sweeping
from zoo.runs import session
from zoo.runs.cell import Cell
from zoo.sweeps import estimate, local, slurm, sweep, worker
from zoo.sweeps.sweep import Sweep
from zoo.sweeps.worker import Outcome, Setup, Status

# Which are left, and who has them


def test_finished_cells_are_skipped_and_failed_ones_tried_again(tmp_path: Path) -> None:
    cells = tiny("ns", "unrolled", k=(0, 1))

    def fail_once(cell: Cell, folder: Path) -> Outcome:
        if cell.options.get("k") == 0:
            return Outcome(cell, folder, Status.FAILED, error="no", details="Traceback of it")
        return pretend(cell, folder)

    first = Sweep(cells, tmp_path, Inline(fail_once))
    assert done(first) == ["ns", "unrolled k=1"]
    (failure,) = first.of(Status.FAILED)
    assert "Traceback of it" in first.told_of(failure.cell).read_text()
    assert sweep.folder_of(cells[1], tmp_path) == tmp_path / "ring" / "unrolled" / cells[1].key
    second = Sweep(cells, tmp_path, Inline(pretend))
    assert done(second) == ["unrolled k=0"]
    assert not second.told_of(failure.cell).exists()
    assert done(Sweep(cells, tmp_path, Inline(pretend))) == []


def test_a_finished_cell_whose_folder_has_gone_is_trained_again(tmp_path: Path) -> None:
    cells = tiny("ns")
    assert done(Sweep(cells, tmp_path, Inline(pretend))) == ["ns"]
    (sweep.folder_of(cells[0], tmp_path) / "DONE").unlink()
    assert done(Sweep(cells, tmp_path, Inline(pretend))) == ["ns"]


def test_shards_begin_with_their_own_share() -> None:
    assert [sweep.in_turn("abcde", (i, 2)) for i in (1, 2)] == [list("acebd"), list("bdace")]
    assert sweep.parse_shard("2/4") == (2, 4)


def test_two_shards_train_every_cell_once(tmp_path: Path) -> None:
    cells = tiny("ns", lr_d=tuple(0.001 * i for i in range(1, 21)))
    trained: list[str] = []

    def slowly(cell: Cell, folder: Path) -> Outcome:
        trained.append(cell.key)
        time.sleep(0.002)
        return pretend(cell, folder)

    made = [Sweep(sweep.in_turn(cells, (i, 2)), tmp_path, Inline(slowly), stale=8) for i in (1, 2)]
    threads = [threading.Thread(target=done, args=(each,)) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(trained) == sorted(c.key for c in cells)
    assert all(each.outcomes for each in made)


def claim_of(cell: Cell, out: Path, host: str, pid: int) -> Path:
    path = out / sweep.NOTES / f"{cell.key}.0.claim"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"host": host, "pid": pid, "state": "held"}))
    return path


def test_a_silent_holder_loses_its_cell_and_a_live_one_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LOOK", 0.1)
    silent, alive, own = tiny("ns", lr_d=(0.1, 0.2, 0.3))
    claim_of(silent, tmp_path, "gone", 1)
    path, end = claim_of(alive, tmp_path, "there", 77), threading.Event()

    def renew() -> None:
        while not end.wait(0.1):
            os.utime(path)

    thread = threading.Thread(target=renew)
    thread.start()
    heard: list[str] = []
    made = Sweep([silent, alive, own], tmp_path, Inline(pretend), stale=1.0, heard=heard.append)
    trained = [o.cell.key for o in made.run()]
    end.set()
    thread.join()
    assert trained == [own.key, silent.key]
    assert made.held == ["there:77"]
    assert "2 cells are claimed by others" in heard[0]


def test_a_cell_that_another_shard_finished_or_failed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    first, second, third = tiny("ns", lr_d=(0.1, 0.2, 0.3))

    def others_are_quick(cell: Cell, folder: Path) -> Outcome:
        assert cell is first
        pretend(second, sweep.folder_of(second, tmp_path))
        for each, state in ((second, "done"), (third, "failed")):
            path = claim_of(each, tmp_path, "there", 7)
            path.write_text(path.read_text().replace("held", state))
        return pretend(cell, folder)

    made = Sweep([first, second, third], tmp_path, Inline(others_are_quick))
    assert [o.cell.key for o in made.run()] == [first.key]


def test_the_executor_is_closed_where_no_claim_can_be_written(tmp_path: Path) -> None:
    file, closed = tmp_path / "file", []
    file.touch()
    executor = Inline(pretend)
    executor.close = lambda: closed.append(True)
    with pytest.raises(ZooError, match="Nothing can be written in"):
        done(Sweep(tiny("ns"), file, executor))
    assert closed == [True]


@pytest.mark.parametrize("here", [True, False])
def test_a_claim_says_whether_its_cell_is_trained_on_this_machine(tmp_path: Path, here: bool) -> None:
    told: list[dict] = []

    def read(cell: Cell, folder: Path) -> Outcome:
        told.append(json.loads((tmp_path / sweep.NOTES / f"{cell.key}.0.claim").read_text()))
        return pretend(cell, folder)

    executor = Inline(read)
    executor.here = here
    done(Sweep(tiny("ns"), tmp_path, executor))
    assert [claim["here"] for claim in told] == [here]


def test_mlflow_hears_of_each_finished_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo import tracking

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    cells = tiny("ns", lr_d=(0.1, 0.2))
    made = Sweep(cells, tmp_path, Inline(pretend))
    pretend(cells[0], made.folder_of(cells[0]))
    (tmp_path / sweep.NOTES).mkdir()
    logged: list[Path] = []
    monkeypatch.setattr(tracking, "try_log", lambda folder, root: logged.append(folder) or "It was away.")
    assert made.track() == ["It was away."]
    monkeypatch.setattr(tracking, "try_log", lambda folder, root: logged.append(folder))
    assert (made.track(), made.track()) == ([], [])
    assert logged == [made.folder_of(cells[0])] * 2


# How long


def test_estimates_are_recorded_ones_or_measured(tmp_path: Path) -> None:
    known, longer, other = tiny("ns", rounds=(6, 60)) + tiny("unrolled", k=(1,))
    session.start(known, out=sweep.folder_of(known, tmp_path), device="cpu").train()
    told = estimate.estimate([longer, other], lambda c: sweep.folder_of(c, tmp_path), "cpu")
    seconds = json.loads((sweep.folder_of(known, tmp_path) / "summary.json").read_text())["seconds"]
    assert told.seconds[longer.key] == pytest.approx(10 * seconds)
    assert told.seconds[other.key] > estimate.PICTURES
    assert told.source == "1 from recorded runs (training alone), 1 from a few rounds played now"
    nothing = estimate.estimate([other], lambda c: sweep.folder_of(c, tmp_path), "cpu", budget=-1)
    assert nothing.seconds == {}
    known = estimate.Estimate({other.key: 6, longer.key: 9, "another's": 6}, 3, 0)
    assert known.wall(1) == 21
    assert known.wall(2) == 12
    assert known.longest_first([other, longer]) == [longer, other]
    assert nothing.longest_first([other, longer]) == [other, longer]
    assert [estimate.in_words(s) for s in (0, 90, 4000)] == ["1 s", "2 min", "1.1 h"]


def test_ctrl_c_while_it_is_estimated_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(listener: session.Listener, rounds: int) -> None:
        raise KeyboardInterrupt

    pressed = iter([press])
    monkeypatch.setattr(session.Listener, "played", lambda *told: next(pressed, lambda *told: None)(*told))
    with pytest.raises(KeyboardInterrupt):
        estimate.estimate(tiny("ns", "wgan"), lambda cell: tmp_path / cell.key, "cpu")


# What is said


def test_a_thread_that_hears_no_signals_sweeps_too(tmp_path: Path) -> None:
    heard: list[str] = []
    made = Sweep(tiny("ns"), tmp_path, Inline(pretend), heard=heard.append)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(sweeping.play(made, Console(quiet=True), "")))
    thread.start()
    thread.join()
    assert codes == [0]
    assert heard[-1] == f"1 of 1 cell finished, in {tmp_path}"


# Real workers


def test_jobs_of_submitit_train_cells_and_one_that_fails_is_told_of(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    plugins.load_file(PLUGIN)
    broken, fine = tiny("test-broken", "ns", seeds=1)
    queue = slurm.Slurm("cpu", None, Setup(plugins=(str(PLUGIN),)), tmp_path, {"timeout_min": "9"}, cluster="local")
    made = Sweep([broken, fine], tmp_path, queue)
    found = {o.cell.key: o for o in made.run()}
    assert "it stops with RuntimeError: broken on purpose (" in found[broken.key].error
    assert found[fine.key].status is Status.DONE
    config = json.loads((found[fine.key].folder / "config.json").read_text())
    assert config["command"].startswith("zoo run ns --data ring")
    assert not list((tmp_path / sweep.NOTES).glob("*.alive*"))


def test_a_job_ends_when_its_coordinator_is_silent_or_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "x.alive"
    path.touch()
    (cell,) = tiny("ns", seeds=1)

    def job() -> slurm.Job:
        return slurm.Job(cell, tmp_path / "run", "cpu", Setup(), slurm.Alive(path, every=0))

    assert not job().alive.gone()
    os.utime(path, (time.time() - 1000,) * 2)
    assert job()().status is Status.INTERRUPTED
    path.unlink()
    assert job()().status is Status.INTERRUPTED
    assert not (tmp_path / "run").exists()


def test_a_job_that_goes_on_on_another_machine_looks_at_its_coordinator_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.alive"
    path.touch()
    (cell,) = tiny("ns", seeds=1)
    job = slurm.Job(cell, tmp_path / "run", "cpu", Setup(), slurm.Alive(path))
    assert not job.alive.gone()
    again = pickle.loads(pickle.dumps(job.checkpoint().function))
    path.unlink()
    monkeypatch.setattr(slurm.time, "monotonic", lambda: 60.0)  # that machine was started a minute ago
    assert again.alive.gone()
    assert again.alive.patience == job.alive.patience


class Refused:
    """A queue of submitit's whose Slurm says no when the array is submitted."""

    @contextmanager
    def batch(self) -> Iterator[None]:
        yield
        raise FailedJobError("sbatch: error: Batch job submission failed: Invalid partition")

    def submit(self, job: slurm.Job) -> object:
        return object()


def test_jobs_that_slurm_refuses_are_one_sentence(tmp_path: Path) -> None:
    made = slurm.Slurm("cpu", None, Setup(), tmp_path, cluster="local")
    made._queue = Refused()
    with pytest.raises(ZooError, match=r"Slurm refuses the jobs: sbatch: error: .*Invalid partition"):
        list(made.map(tiny("ns", seeds=1), lambda cell: tmp_path / cell.key))
    made.close()


def test_a_job_that_ends_while_it_is_dropped_is_no_error(tmp_path: Path) -> None:
    class Ending(dict):
        """Jobs that the other thread takes out as soon as this one has seen that they are there."""

        def __contains__(self, key: object) -> bool:
            return self.pop(key, None) is not None

    cancelled: list[bool] = []
    made = slurm.Slurm("cpu", None, Setup(), tmp_path, cluster="local")
    made._running = Ending(a=SimpleNamespace(cancel=lambda check: cancelled.append(check)))
    made.drop("a")
    assert cancelled == [False]
    made._running.clear()
    made.drop("a")
    assert cancelled == [False]


def test_a_file_server_that_is_away_for_a_moment_ends_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive = slurm.Alive(tmp_path / "x.alive", every=0)

    def stale(path: Path, **how: bool) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as away:
        for name in ("touch", "unlink"):
            away.setattr(Path, name, stale)
        assert not alive.gone()
    assert alive.gone(), "there again, without the file"


def test_killed_and_failing_cells_stop_nothing_and_a_killed_one_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZOO_TEST_MARKS", str(tmp_path))
    plugins.load_file(PLUGIN)
    killed, broken, fine = tiny("test-killed", "test-broken", "ns")
    here = local.Local("cpu", 1, Setup(plugins=(str(PLUGIN),)))
    made = Sweep([killed, broken, fine], tmp_path / "runs", here, heard=sweeping.aloud)
    assert sweeping.play(made, Console(width=200), "") == 1
    assert (tmp_path / "killed").exists()
    by_key = {o.cell.key: o for o in made.outcomes}
    assert [by_key[c.key].status for c in (killed, broken, fine)] == [Status.DONE, Status.FAILED, Status.DONE]
    assert "it stops with RuntimeError: broken on purpose (" in by_key[broken.key].error
    told = capsys.readouterr().out
    assert "1 cell failed" in told
    assert "2 of 3 cells finished" in told
    whole = worker.train(killed, tmp_path / "whole", "cpu", lambda: False)  # the mark is there: it lives
    assert whole.status is Status.DONE
    for name in ("metrics.csv", "generator.safetensors", "samples.npz"):
        assert (by_key[killed.key].folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_cell_whose_pictures_fail_is_not_taken_for_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = tiny("ns")
    with monkeypatch.context() as broken:
        broken.setattr("zoo.runs.pictures.draw", lambda run: 1 / 0)
        assert worker.train(cell, tmp_path / "run", "cpu", lambda: False).status is Status.FAILED
    assert not (tmp_path / "run" / "DONE").exists()
    assert worker.train(cell, tmp_path / "run", "cpu", lambda: False).status is Status.DONE
    assert (tmp_path / "run" / "samples.png").exists()


def test_a_cell_begins_where_a_process_died_at_its_very_start(tmp_path: Path) -> None:
    (cell,) = tiny("ns", seeds=1)
    (tmp_path / "config.json.0123abcd.new").write_text("{")
    assert worker.train(cell, tmp_path, "cpu", lambda: False).status is Status.DONE


def test_a_plugin_that_only_the_coordinator_could_load_is_told_in_its_own_sentence(tmp_path: Path) -> None:
    cells, absent = tiny("ns", "vanilla"), tmp_path / "gone.py"
    here = local.Local("cpu", 1, Setup(plugins=(str(absent),)))
    try:
        ended = list(here.map(cells, lambda cell: tmp_path / cell.key))
    finally:
        here.close()
    assert [(o.cell, o.status) for o in ended] == [(cell, Status.FAILED) for cell in cells]
    assert all(f"There is no plugin file to read at {absent}" in o.error for o in ended)


def test_a_worker_without_a_coordinator_ends() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=worker.serve, args=(theirs, Setup()))
    process.start()
    theirs.close()
    ours.close()
    process.join(200)
    assert process.exitcode == 1


@pytest.mark.parametrize("told_to_end", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_checkpoints_and_says_how_to_go_on(told_to_end: signal.Signals, tmp_path: Path) -> None:
    command = ["sweep", "--variants", "ns", "--grid", "lr-d=0.001,0.002,0.003", "--grid", "rounds=1000000"]
    command += ["--grid", "every=100", "--grid", "width=8", "--seeds", "1", "--jobs", "1", "--no-track"]
    code = "from zoo.cli.app import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    ends = time.monotonic() + 400  # far more than it takes, on a machine that is not loaded
    while not list(tmp_path.rglob("checkpoint.safetensors")) and time.monotonic() < ends:
        time.sleep(0.1)
    os.killpg(process.pid, told_to_end)  # as a terminal or `timeout` does: every process of the group
    out, err = process.communicate(timeout=200)
    assert process.returncode == 130, err
    assert "3 cells (1 variant on 1 data set, 3 trainings in all); 0 finished, 3 to do." in out
    assert "from a few rounds played now" in out
    assert err.strip().splitlines()[-2:] == ["Stopped; 3 cells left. Go on with:", f"  zoo {' '.join(command)}"]
    (folder,) = tmp_path.glob("runs/ring/ns/*")
    assert (folder / "INTERRUPTED").exists()
    (claim,) = tmp_path.glob("runs/.sweep/*.claim")
    assert json.loads(claim.read_text())["state"] == "given up"
