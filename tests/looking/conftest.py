"""Runs to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.synthetic_runs import NS, UNROLLED, write_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path, "ns", NS)
    write_run(tmp_path, "unrolled", UNROLLED, options={"k": 5}, cost={"D_updates": 400, "seconds_per_seed": 8.0})
    write_run(tmp_path, "wgan", [5, 5, 5, 5, 5, 5, 5, 5])
    return tmp_path
