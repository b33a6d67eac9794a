"""Files that are whole or not there."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.files import LOCK, alone, beside, in_turn, tidy, write_npz


def test_arrays_are_the_old_ones_or_the_new_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, {"x": np.arange(3), "y": np.ones((2, 2))})
    assert list(tmp_path.iterdir()) == [path]
    save = np.savez_compressed

    def dies(file, **arrays) -> None:
        save(file, **arrays)
        raise MemoryError

    monkeypatch.setattr(np, "savez_compressed", dies)
    with pytest.raises(MemoryError):
        write_npz(path, {"x": np.zeros(3)})
    with np.load(path) as found:
        assert found["x"].tolist() == [0, 1, 2]
        assert found["y"].shape == (2, 2)
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_that_write_one_file_at_once_each_leaves_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, save, seen = tmp_path / "a.npz", np.savez_compressed, []

    def in_between(file, **arrays) -> None:
        monkeypatch.setattr(np, "savez_compressed", save)
        write_npz(path, {"x": np.zeros(3)})
        seen.append(np.load(path)["x"].tolist())
        save(file, **arrays)

    monkeypatch.setattr(np, "savez_compressed", in_between)
    write_npz(path, {"x": np.ones(3)})
    assert [*seen, np.load(path)["x"].tolist()] == [[0, 0, 0], [1, 1, 1]]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_half_written_is_taken_away(tmp_path: Path) -> None:
    with beside(tmp_path / "a.csv") as half:
        half.write_text("half")
        (tmp_path / "a.csv").touch()
        (tmp_path / "mine.new").touch()
        tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "mine.new"]


def test_who_waits_for_a_lock_that_is_taken_away_locks_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process opened the file while a first held it; the first takes it away when it lets go."""
    opened = Path.open
    first = alone(tmp_path)
    first.__enter__()

    def open_and_let_go(path, *args, **kwargs):
        file = opened(path, *args, **kwargs)
        if path.name == LOCK:
            monkeypatch.setattr(Path, "open", opened)
            first.__exit__(None, None, None)
        return file

    monkeypatch.setattr(Path, "open", open_and_let_go)
    with alone(tmp_path):
        assert (tmp_path / LOCK).exists()
        with pytest.raises(ZooError, match="is being trained by process"), alone(tmp_path):
            pass
    assert not (tmp_path / LOCK).exists()


def test_a_file_is_written_by_one_after_another(tmp_path: Path) -> None:
    file, told = tmp_path / "a.db", []

    def write() -> None:
        with in_turn(file):
            told.append("second")

    with in_turn(file):
        second = threading.Thread(target=write)
        second.start()
        second.join(0.2)
        told.append("first")
    second.join()
    assert told == ["first", "second"]
    assert not list(tmp_path.iterdir())
