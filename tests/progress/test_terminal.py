"""What is told where there is no terminal: plain lines, which a log keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.progress import terminal


def test_a_log_hears_of_the_judge_by_tenths_and_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(clock)))
    with terminal.judge_bar() as heard:
        for done in range(1, 401):
            heard(done / 400)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training the judge: about 7 min"
    assert lines[1] == "training the judge: 10 %, 39 s"
    assert lines[-1] == "training the judge: 100 %, 399 s"
    assert len(lines) == 11


def test_a_log_hears_nothing_of_a_judge_of_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock) / 50)
    with terminal.judge_bar() as heard:
        for done in range(1, 401):
            heard(done / 400)
    assert capsys.readouterr().out == ""


def test_a_run_tells_of_the_judge_that_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures of 64 x 64 wait for minutes."""
    monkeypatch.setattr(terminal, "WORTH_TELLING", 0.0)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    images = np.random.default_rng(0).integers(256, size=(60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", samples=images, labels=np.arange(60) % 2)
    zoo.run("ns", data=tmp_path / "own.npz", rounds=1, width=4, seeds=1, out=tmp_path / "run")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("training the judge: about ")
    assert [line.startswith("training the judge: 100 %, ") for line in lines].count(True) == 1


def test_a_judge_that_is_there_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.judge_bar():
        pass
    assert capsys.readouterr().out == ""


def test_a_sweep_trains_the_judge_once_and_tells_of_it_before_its_cells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "WORTH_TELLING", 0.0)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(256, size=(60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", samples=images, labels=np.arange(60) % 2)
    grid = {"rounds": 1, "width": 4}
    zoo.sweep(["ns", "vanilla"], tmp_path / "own.npz", grid, seeds=1, out=tmp_path / "runs", device="cpu")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 cells (2 variants on 1 data set")
    assert lines[1].startswith("training the judge: about ")
    told = [i for i, line in enumerate(lines) if line.startswith("training the judge")]
    assert lines[told[-1]].startswith("training the judge: 100 %")
    assert told[-1] < min(i for i, line in enumerate(lines) if line.startswith("[1/2]"))
    assert len(list((tmp_path / "cache" / "judges").glob("*.safetensors"))) == 1
