"""Sweeps from Python: what is trained, what is returned and said, what is refused, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

import zoo
from tests.synthetic_sweeps import PLUGIN, Inline
from zoo import losses, tracking
from zoo.api import sweeping
from zoo.errors import ZooError
from zoo.extending import plugins
from zoo.runs.cell import Cell
from zoo.sweeps import estimate, worker
from zoo.sweeps.worker import Outcome, Status
from zoo.variant import REGISTRY

TINY = {"rounds": 6, "width": 8, "batch": 16, "every": 2}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cells are trained in this process, without an estimate; the variants that were, with k, in order."""
    trained: list[str] = []

    def train(cell: Cell, folder: Path) -> Outcome:
        trained.append(f"{cell.variant} {cell.options.get('k', '')}".strip())
        if cell.options.get("k") == 3:
            return Outcome(cell, folder, Status.FAILED, error="It cannot.", details="Traceback of it")
        return worker.train(cell, folder, "cpu", lambda: False)

    monkeypatch.setattr(sweeping, "Local", lambda *given: Inline(train))
    monkeypatch.setattr(estimate, "estimate", lambda left, folder_of, device: longest_first(left))
    return trained


def longest_first(left: list[Cell]) -> estimate.Estimate:
    """As if every cell took longer than the one before it."""
    return estimate.Estimate({cell.key: float(i) for i, cell in enumerate(left)}, 0, len(left))


def test_cells_are_trained_once_and_come_back_in_their_order(
    here: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = (["ns", "unrolled"], ("ring", "grid"), TINY | {"k": (1, 3)})
    first = zoo.sweep(*given, seeds=2, out=tmp_path)
    assert here == ["unrolled 3", "unrolled 1", "unrolled 3", "unrolled 1", "ns", "ns"]  # the longest first
    told = [(made.summary["variant"], made.summary["data"]) for made in first.results]
    assert told == [("ns", "ring"), ("ns", "grid"), ("unrolled", "ring"), ("unrolled", "grid")]
    assert [made.folder for made in first] == [made.folder for made in first.results]
    assert [failure.cell.split()[:2] for failure in first.failures] == [["unrolled", "k=3"]] * 2
    assert {failure.why for failure in first.failures} == {"It cannot."}
    assert "Traceback of it" in first.failures[0].file.read_text()
    assert first.left == []
    said = capsys.readouterr().out
    assert "6 cells (2 variants on 2 data sets, 12 trainings in all); 0 finished, 6 to do." in said
    assert "[6/6] ns" in said
    assert "2 cells failed" in said
    here.clear()
    again = zoo.sweep(*given, seeds=2, out=tmp_path, progress=False)
    assert here == ["unrolled 3", "unrolled 3"]
    assert again == first
    said = capsys.readouterr().out
    assert "[1/2]" not in said
    assert "2 cells failed" in said  # is told in any case


def test_what_came_out_is_compared_and_shown(here: list[str], tmp_path: Path) -> None:
    done = zoo.sweep("unrolled", grid=TINY | {"k": [1, 3]}, seeds=2, out=tmp_path, progress=False)
    (label,) = done.table().index
    assert label == "unrolled k=1"
    assert list(zoo.compare(done).table().index) == [label]
    assert done.compare("reverse_kl").comparisons[0].metric == "reverse_kl"
    page = done._repr_html_()
    assert f"<p>1 of 2 cells finished, in {tmp_path}.</p>" in page
    assert "failed: It cannot. More is in " in page
    assert "mean modes (of 8) [95 %]" in page
    none = zoo.sweep("unrolled", grid=TINY | {"k": 3}, seeds=2, out=tmp_path, progress=False)
    assert "mean" not in none._repr_html_()
    with pytest.raises(ZooError, match=r"No cell of this sweep is finished: unrolled k=3 .* failed: It cannot"):
        none.compare()


def test_a_damaged_run_and_one_that_others_hold_hide_no_other(
    here: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"grid": TINY | {"lr_d": np.array([0.1, 0.2, 0.3])}, "seeds": 1, "out": tmp_path, "progress": False}
    first = zoo.sweep("ns", **given)
    (first.results[0].folder / "summary.json").write_text("{")
    (first.results[1].folder / "DONE").unlink()
    monkeypatch.setattr(sweeping.Sweep, "run", lambda sweep: (outcome for outcome in ()))
    found = zoo.sweep("ns", **given)
    assert found.results == first.results[2:]
    assert "is not valid JSON" in found.failures[0].why
    assert found.left == ["ns rounds=6 batch=16 width=8 lr_d=0.2 every=2 on ring"]
    assert found.verdict[-1] == f"{found.left[0]} is left to another process."


def test_runs_are_logged_where_it_is_asked_for(
    here: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logged: list[Path] = []
    monkeypatch.setattr(tracking, "try_log", lambda folder, root: logged.append(folder) or "It was away.")
    zoo.sweep("ns", grid=TINY, seeds=1, out=tmp_path, progress=False)
    assert logged == []
    done = zoo.sweep("ns", grid=TINY, seeds=1, out=tmp_path, progress=False, track=True)
    assert logged == [done.results[0].folder]
    assert "zoo: It was away." in capsys.readouterr().err


@pytest.fixture
def plugged() -> Iterator[None]:
    yield
    for name in ("test-killed", "test-broken", "nb-gan"):
        plugins.FILES.pop(name, None)
        REGISTRY.pop(name, None)


@pytest.mark.usefixtures("plugged")
def test_processes_know_the_files_that_are_given_and_those_loaded_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZOO_TEST_MARKS", raising=False)
    given = {"grid": TINY, "seeds": 1, "out": tmp_path, "jobs": 1, "device": "cpu", "progress": False}
    done = zoo.sweep(["test-broken", "ns"], plugins=PLUGIN, **given)
    assert [made.summary["variant"] for made in done] == ["ns"]
    assert "it stops with RuntimeError: broken on purpose (" in done.failures[0].why
    seen: list[worker.Setup] = []
    monkeypatch.setattr(sweeping, "Local", lambda *given: seen.append(given[2]) or Inline(lambda *cell: None))
    zoo.sweep("ns", **given)
    with pytest.raises(AttributeError):  # of the pretended outcome
        zoo.sweep("test-broken", tf32=True, **given)
    assert [(setup.plugins, setup.tf32) for setup in seen] == [((), False), ((str(PLUGIN),), True)]


@pytest.mark.usefixtures("plugged")
def test_a_notebook_s_variant_is_refused_with_the_way_out(tmp_path: Path) -> None:
    @zoo.register("nb-gan")
    @dataclass(frozen=True)
    class NbGan(zoo.GAN):
        def g_loss(self, nets: zoo.Nets, batch: zoo.Batch) -> Tensor:
            return losses.real(nets.D(nets.G(batch.z)))

    with pytest.raises(ZooError, match=r"do not see the variant 'nb-gan', .* give that as plugins=\['FILE.py'\]"):
        zoo.sweep(["ns", "nb-gan"], out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"variants": []}, "Which variants"),
        ({"variants": "nss"}, "There is no variant 'nss'"),
        ({"variants": 3}, "'variants' is a name, as text, or a list of names, not 3"),
        ({"variants": ["ns", 3]}, "'variants' is a name"),
        ({"data": []}, "Which data"),
        ({"data": np.zeros((3, 2))}, "'data' is a name, as text, or a list of names, not "),
        ({"data": "rong"}, "ns on rong: .*did you mean 'ring'"),
        ({"grid": {"kk": 1}}, "There is no option 'kk' of ns or of a recipe"),
        ({"grid": {"rounds": []}}, "'rounds' of the grid has no values"),
        ({"grid": {"rounds": [None]}}, "--rounds takes a whole number, not None"),
        ({"grid": ["rounds"]}, r"grid is a table .*, not \['rounds'\]"),
        ({"grid": {3: 4}}, "grid is a table"),
        ({"seeds": 0}, "seeds are how many"),
        ({"recipe": 3}, "There is no recipe '3'"),
        ({"protocol": 3}, "'protocol' is given by its name"),
        ({"out": 3}, "out is the path of a folder, not 3"),
        ({"device": "cudda"}, "There is no device 'cudda'"),
        ({"device": "cpu", "tf32": True}, "TF32 is a GPU's arithmetic"),
        ({"jobs": 0}, "jobs is a whole number, at least 1, not 0"),
        ({"plugins": "nowhere.py"}, "There is no plugin file to read at .*nowhere.py"),
        ({"plugins": 3}, "'plugins' is a name"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZooError, match=sentence) as told:
        zoo.sweep(**{"variants": "ns"} | wrong)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_script_without_a_guard_sweeps_once_and_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "import zoo\n"
        "grid = {'lr_d': [0.001, 0.002], 'rounds': 1_000_000, 'every': 100, 'width': 8}\n"
        "zoo.sweep('ns', grid=grid, seeds=1, jobs=1)\n"
    )
    process = subprocess.Popen(
        [sys.executable, script.name],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    ends = time.monotonic() + 400  # far more than it takes, on a machine that is not loaded
    while not list(tmp_path.rglob("checkpoint.safetensors")) and time.monotonic() < ends:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert out.count("2 cells (1 variant on 1 data set, 2 trainings in all); 0 finished, 2 to do.") == 1
    assert "Stopped; 2 cells left. The same call goes on with them." in err
    assert err.strip().splitlines()[-1] == "KeyboardInterrupt"
    (folder,) = tmp_path.glob("runs/ring/ns/*")
    assert (folder / "INTERRUPTED").exists()
