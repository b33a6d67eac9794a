"""A finished run trained again as it was begun: do its numbers come again, and if not, what is other here?"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.runs import rundir, session
from zoo.runs.rundir import CONFIG, Run, read_json


@dataclass(frozen=True)
class Again:
    """A metric at the end of the recorded run and of the new one: the means over seeds, and how many of the seeds have the same number in both."""

    recorded: float
    now: float
    same: int
    seeds: int


@dataclass(frozen=True)
class Verified:
    """What came of training a run again."""

    run: Run
    metrics: dict[str, Again]
    missing: list[str]
    """Metrics that are recorded and could not be measured here."""
    other: list[str]
    """What was other when the run was recorded, each in a few words."""

    @property
    def same(self) -> bool:
        """Whether every number of every seed came again, to the last bit."""
        return not self.missing and all(one.same == one.seeds for one in self.metrics.values())


def verify(folder: Path, *, device: str = "auto", listener: session.Listener | None = None) -> Verified:
    """Train the run in ``folder`` again: the same cell, seeds, engine and groups of seeds, on the same kind of device unless ``device`` says.

    Nothing is kept of the new run. ``ZooError`` where ``folder`` holds no finished run.
    """
    recorded = rundir.read(folder)
    recorded.must_be_finished()
    with tempfile.TemporaryDirectory() as place:
        run = session.again(folder, out=Path(place) / "run", device=device, listener=listener)
        now = run.train(lambda _: None)["metrics"]
        config = read_json(run.folder / CONFIG)
    then = recorded.summary["metrics"]
    both = {name: _compared(then[name]["per_seed"], now[name]["per_seed"]) for name in then if name in now}
    return Verified(recorded, both, [name for name in then if name not in now], _other(recorded.config, config))


def _compared(then: list[float | None], now: list[float]) -> Again:
    a, b = np.array(then, dtype=float), np.array(now, dtype=float)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return Again(_mean(a), _mean(b), int(same.sum()), len(same))


def _mean(values: NDArray[np.float64]) -> float:
    """Of the seeds that have a number, as in a summary."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _other(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs of all that last digits follow; what an older record does not tell is passed over."""
    versions = then.get("versions", {})
    told = [
        f"{name} {versions[name]} (here {here})"
        for name, here in now["versions"].items()
        if versions.get(name, here) != here
    ]
    if (commit := then.get("git")) and commit != now["git"]:
        changes = " with uncommitted changes" * commit.endswith("+")
        told.append(f"commit {commit[:9]}{changes} (here {(now['git'] or 'none')[:9]})")
    if then.get("arithmetic", now["arithmetic"]) != now["arithmetic"]:
        told.append(f"{then['arithmetic']} (here {now['arithmetic']})")
    if then["device"] != now["device"]:
        told.append(f"{then['device']} (here {now['device']})")
    return told
