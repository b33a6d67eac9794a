"""A run trained again: its numbers come again to the bit, and what does not is told with what is other."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.runs import session
from zoo.runs.cell import plan
from zoo.runs.rundir import read
from zoo.runs.verifying import verify

SMALL = {"rounds": 6, "width": 8, "batch": 16, "every": 3}


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A finished run, of which only what baselines/results keeps is there."""
    run = session.start(plan("ns", data="ring", changes=SMALL, seeds="3,5"), out=tmp_path / "run", compile=False)
    run.train()
    for path in run.folder.iterdir():
        if path.name not in ("config.json", "summary.json", "metrics.csv"):
            path.unlink()
    return run.folder


def changed(record: Path, name: str, change: dict[str, object]) -> None:
    path = record / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def test_every_number_comes_again_and_nothing_is_kept(record: Path) -> None:
    before = {path: path.read_bytes() for path in record.iterdir()}
    found = verify(read(record))
    assert found.same
    assert found.metrics
    assert all(one.same == one.seeds == 2 and one.now == one.recorded for one in found.metrics.values())
    assert (found.missing, found.other) == ([], [])
    assert {path: path.read_bytes() for path in record.iterdir()} == before


def test_other_numbers_are_told_with_what_is_other(record: Path) -> None:
    summary = json.loads((record / "summary.json").read_text())
    modes = summary["metrics"]["modes"]["per_seed"]
    summary["metrics"]["modes"] |= {"per_seed": [modes[0], modes[1] + 1], "mean": sum(modes) / 2 + 0.5}
    summary["metrics"]["kept once"] = {"per_seed": [1.0, 2.0], "mean": 1.5}
    changed(record, "summary.json", summary)
    versions = json.loads((record / "config.json").read_text())["versions"]
    old = {"versions": versions | {"torch": "2.0.0"}, "git": "0123456789abcdef+", "arithmetic": "an abacus"}
    changed(record, "config.json", old)
    found = verify(read(record))
    assert not found.same
    assert (found.metrics["modes"].same, found.metrics["modes"].seeds) == (1, 2)
    assert found.metrics["modes"].recorded == found.metrics["modes"].now + 0.5
    assert found.metrics["high_quality"].same == 2
    assert found.missing == ["kept once"]
    torch, commit, arithmetic = found.other
    assert torch == f"torch 2.0.0 (here {versions['torch']})"
    assert commit.startswith("commit 012345678 with uncommitted changes (here ")
    assert arithmetic.startswith("an abacus (here ")


def test_a_seed_without_a_number_has_none_again(record: Path) -> None:
    summary = json.loads((record / "summary.json").read_text())
    summary["metrics"]["modes"] |= {"per_seed": [None, None], "mean": None}
    changed(record, "summary.json", summary)
    found = verify(read(record)).metrics["modes"]
    assert found.same == 0
    assert math.isnan(found.recorded)


def test_an_unfinished_run_is_refused(record: Path) -> None:
    (record / "summary.json").unlink()
    with pytest.raises(ZooError, match="not finished"):
        verify(read(record))
