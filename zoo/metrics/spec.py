"""Every metric, declared once in metrics.toml: what `zoo list metrics`, the reports and docs/metrics.md read. Imports no torch."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.errors import unknown

Need = Literal["modes", "classifier", "inception", "generator", "history"]
"""What a metric needs beyond samples and data: known modes (a mixture's, or a classifier's), our classifier's features or
probabilities, Inception-v3's weights, the generator itself, or the run's evaluations over time."""


@dataclass(frozen=True)
class Metric:
    """One number per seed. ``perfect`` and ``collapsed`` (onto one mode) say what these samplers score."""

    name: str
    family: str
    """The file in zoo/metrics that computes it."""
    about: str
    better: Literal["higher", "lower", "near 0.5", "near 1"]
    unit: str
    range: str
    paper: str
    equation: str
    perfect: str
    collapsed: str
    cost: str
    """Its order in N samples, K modes, d dimensions."""
    default: bool = True
    """Whether `zoo eval` computes it unasked: cheap, and possible for the data."""
    needs: tuple[Need, ...] = ()

    def goodness(self, values: Any) -> Any:
        """The same values (an array, a tensor, a number) on a scale on which more is better."""
        if self.better == "higher":
            return values
        if self.better == "lower":
            return -values
        return -abs(values - float(self.better.removeprefix("near ")))

    @property
    def group(self) -> str:
        """The prefix of its name in MLflow: coverage, dist or quality."""
        if self.name in ("modes", "high_quality", "effective_modes"):
            return "coverage"
        return "dist" if self.family == "modes" else "quality"


def _declared() -> tuple[Metric, ...]:
    text = Path(__file__).with_name("metrics.toml").read_text(encoding="utf-8")
    return tuple(
        Metric(name, **entries | {"needs": tuple(entries.get("needs", ()))})
        for name, entries in tomllib.loads(text).items()
    )


METRICS: tuple[Metric, ...] = _declared()
"""In the order of metrics.toml."""
BY_NAME: dict[str, Metric] = {m.name: m for m in METRICS}


def get(name: str) -> Metric:
    """The metric of that name; ``ZooError`` with the nearest name for an unknown one."""
    if name not in BY_NAME:
        raise unknown("metric", name, BY_NAME)
    return BY_NAME[name]
