"""Leases on cells: of many who try at once one gets it, the dead lose it, the living keep it."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.sweeps import leases
from zoo.sweeps.leases import Leases, State

KEYS = [f"cell{i}" for i in range(40)]


def race(folder: Path, number: int, stale: float) -> None:
    """Claim what can be had, in one process of several; its catch goes into a file."""
    with Leases(folder, stale=stale) as claims:
        (folder / f"ready{number}").touch()
        while len(list(folder.glob("ready*"))) < 4:
            time.sleep(0.001)
        mine = [key for key in KEYS if claims.take(key)]
        (folder / f"caught{number}").write_text(json.dumps(mine))
        for key in mine:
            claims.end(key, State.DONE)


def run_race(folder: Path) -> list[str]:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=race, args=(folder, i, 60.0)) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(200)
    assert [p.exitcode for p in processes] == [0] * 4
    return [key for i in range(4) for key in json.loads((folder / f"caught{i}").read_text())]


@pytest.mark.parametrize("left_behind", [False, True])
def test_of_four_processes_one_gets_each_cell(tmp_path: Path, left_behind: bool) -> None:
    """Fresh cells, and cells whose claims all lie there stale: the take-over is a race as well."""
    if left_behind:
        for key in KEYS:
            path = tmp_path / f"{key}.0.claim"
            path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "state": "held"}))
            os.utime(path, (time.time() - 1000,) * 2)
    assert sorted(run_race(tmp_path)) == sorted(KEYS)


def test_a_claim_stands_until_it_is_given_up(tmp_path: Path) -> None:
    with Leases(tmp_path) as first, Leases(tmp_path) as second:
        assert first.take("a")
        assert not first.take("a")
        assert not second.take("a")
        first.end("a", State.GIVEN_UP)
        assert second.take("a")
        second.end("a", State.DONE)
        assert not first.take("a")
        assert first.newest("a").state is State.DONE
        first.forget("a")
        assert first.take("a")


def test_leaving_gives_up_what_is_held(tmp_path: Path) -> None:
    with Leases(tmp_path) as first:
        first.take("a")
    with Leases(tmp_path) as second:
        assert second.newest("a").state is State.GIVEN_UP
        assert second.take("a")
    assert not list(tmp_path.glob("*.clock"))


@pytest.mark.parametrize(("here", "state"), [(True, State.STALE), (False, State.HELD)])
def test_a_claim_of_a_dead_process_is_stale_at_once_where_training_ends_with_it(
    tmp_path: Path, here: bool, state: State
) -> None:
    """Not of one whose cells are jobs elsewhere: these go on until they miss it."""
    made = f"l.Leases(pathlib.Path({str(tmp_path)!r}), here={here})"
    code = f"import os, pathlib, zoo.sweeps.leases as l; {made}.__enter__().take('a'); os._exit(1)"
    subprocess.run([sys.executable, "-c", code], check=False)
    with Leases(tmp_path) as claims:
        assert claims.newest("a").state is state
        assert claims.take("a") == here


def test_a_claim_from_elsewhere_is_stale_after_its_time_and_its_owner_learns_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[str] = []
    with Leases(tmp_path, stale=0.4, lost=lost.append) as other:
        other._end.set()  # its renewals have stopped: the machine sleeps
        other.take("a")
        monkeypatch.setattr(leases, "machine", lambda: "another")
        with Leases(tmp_path, stale=0.4) as claims:
            assert not claims.take("a")
            time.sleep(0.6)
            assert claims.take("a")
            other.renew()
            assert lost == ["a"]
            assert claims.newest("a").state is State.HELD
            other.end("a", State.DONE)
            assert claims.newest("a").state is State.HELD


def test_renewals_keep_a_claim(tmp_path: Path) -> None:
    with Leases(tmp_path, stale=1.0) as owner, Leases(tmp_path, stale=1.0) as other:
        owner.take("a")
        time.sleep(1.6)
        assert not other.take("a")


def test_a_file_server_that_is_away_for_a_moment_ends_no_renewals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(path: Path, **how: bool) -> bool:
        raise OSError(errno.ESTALE, "Stale file handle")

    with Leases(tmp_path) as owner:
        owner.take("a")
        path = owner.held["a"]
        os.utime(path, (time.time() - 1000,) * 2)
        with monkeypatch.context() as away:
            away.setattr(Path, "exists", stale)
            owner.renew()
        assert owner.held == {"a": path}
        owner.renew()
        assert owner.newest("a").age < 100


def test_one_lost_cell_that_cannot_be_ended_ends_no_renewals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(key: str) -> None:
        raise FileNotFoundError("scancel")

    with Leases(tmp_path, lost=fail) as owner:
        for key in ("a", "b"):
            owner.take(key)
            os.utime(owner.held[key], (time.time() - 1000,) * 2)
        (tmp_path / "a.1.claim").touch()
        owner.renew()
        assert owner.held.keys() == {"b"}
        assert owner.newest("b").age < 100
    assert "FileNotFoundError: scancel" in capsys.readouterr().err


def test_a_claim_that_is_not_yet_written_is_held(tmp_path: Path) -> None:
    (tmp_path / "a.0.claim").touch()
    with Leases(tmp_path) as claims:
        assert claims.newest("a").state is State.HELD


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="choose another --out"), Leases(tmp_path / "file"):
        pass
