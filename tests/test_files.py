"""Files that are whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.files import write_npz


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
