"""A finished run trained again as it was begun: do its numbers come again, and if not, what is other here?"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.runs import session
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

    metrics: dict[str, Again]
    missing: list[str]
    """Metrics that are recorded and could not be measured here."""
    other: list[str]
    """What was other when the run was recorded, each in a few words."""

    @property
    def same(self) -> bool:
        """Whether every number of every seed came again, to the last bit."""
        return not self.missing and all(one.same == one.seeds for one in self.metrics.values())


def verify(recorded: Run, *, device: str = "auto", listener: session.Listener | None = None) -> Verified:
    """Train a finished run again: the same cell, seeds, engine and groups of seeds, on the same kind of device unless ``device`` says.

    Nothing is kept of the new run. ``ZooError`` where it is not finished.
    """
    recorded.must_be_finished()
    with tempfile.TemporaryDirectory() as place:
        run = session.again(recorded.path, out=Path(place) / "run", device=device, listener=listener)
        now = run.train(lambda _: None)["metrics"]
        config = read_json(run.folder / CONFIG)
    then = recorded.summary["metrics"]
    both = {name: _compared(then[name], now[name]) for name in then if name in now}
    return Verified(both, [name for name in then if name not in now], _other(recorded.config, config))


def _compared(then: Mapping[str, Any], now: Mapping[str, Any]) -> Again:
    """Of what both summaries say of a metric, where None is a number that is not there."""
    a, b = (np.array(one["per_seed"], dtype=float) for one in (then, now))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    recorded, mean = (math.nan if one["mean"] is None else one["mean"] for one in (then, now))
    return Again(recorded, mean, int(same.sum()), len(same))


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
