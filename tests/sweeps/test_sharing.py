"""How the processes of a sweep share a machine's cores."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.synthetic_sweeps import TINY
from zoo.cli import app
from zoo.sweeps import local
from zoo.sweeps.local import Local


@pytest.mark.parametrize(
    ("cells", "jobs", "on", "threads"),
    [(1, None, 8, 8), (3, None, 8, 2), (12, None, 8, 1), (12, 2, 8, 4), (2, 4, 1, 1), (None, 2, 8, 1)],
)
def test_few_processes_share_the_cores(
    cells: int | None, jobs: int | None, on: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "cores", lambda: on)
    assert Local("cpu", jobs, cells=cells).setup.threads == threads


def test_processes_with_a_gpu_each_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "cores", lambda: 8)
    monkeypatch.setattr(local, "devices", lambda name: ["cuda:0", "cuda:1"])
    assert [Local("cuda", cells=n).setup.threads for n in (1, 12)] == [8, 4]


def test_zoo_sweep_tells_how_many_share_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(local, "cores", lambda: 8)
    monkeypatch.setattr(Local, "map", lambda here, *given: threads.append(here.setup.threads) or iter(()))
    sizes = [f"--grid={name}={value}" for name, (value,) in TINY.items()]
    monkeypatch.setattr(sys, "argv", ["zoo", "sweep", "--variants=ns,r1", *sizes, f"--out={tmp_path}", "--no-track"])
    with pytest.raises(SystemExit):
        app.main()
    assert threads == [4]
    assert "0 of 2 cells finished" in capsys.readouterr().out
