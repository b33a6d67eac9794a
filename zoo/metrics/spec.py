"""Every metric, declared once in metrics.toml: what `zoo list metrics`, the reports and docs/metrics.md read. Imports no torch."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from zoo.errors import ZooError, briefly, unknown

Need = Literal["modes", "classifier", "inception", "generator", "history"]
"""What a metric needs beyond samples and data: known modes (a mixture's, or a classifier's), our classifier's features or
probabilities, Inception-v3's weights, the generator itself, or the run's evaluations over time."""


Better = Literal["higher", "lower", "near 0.5", "near 1"]


def goodness(better: str, values: Any) -> Any:
    """The same values (an array, a tensor, a number) on a scale on which more is better."""
    if better == "higher":
        return values
    if better == "lower":
        return -values
    return -abs(values - float(better.removeprefix("near ")))


@dataclass(frozen=True)
class Metric:
    """One number per seed. ``perfect`` and ``collapsed`` (onto one mode) say what these samplers score."""

    name: str
    family: str
    """The file in zoo/metrics that computes it."""
    about: str
    better: Better
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
        """``goodness`` of this metric."""
        return goodness(self.better, values)

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


HERE: dict[str, Callable[..., Any]] = {}
"""Metrics that ``metric`` registered in this process, by a file or a notebook: name to function."""
Measure = TypeVar("Measure", bound=Callable[..., Any])


def metric(name: str, better: Better = "higher") -> Callable[[Measure], Measure]:
    """Function decorator: the name of a metric ``(samples [S, N, *data], data) -> [S]`` of one's own. ``ZooError`` for a taken one."""

    def keep(function: Measure) -> Measure:
        held = HERE.get(name)
        theirs = function.__module__, function.__qualname__
        if name in BY_NAME or (held and (held.__module__, held.__qualname__) != theirs):
            raise ZooError(f"There is already a metric '{name}'; choose another name.")
        function.better = better  # type: ignore[attr-defined]
        direction(name, function)
        HERE[name] = function
        return function

    return keep


def direction(name: str, function: Callable[..., Any]) -> Better:
    """What is better of a metric of one's own: its function's attribute ``better``, higher where it has none. ``ZooError`` for anything else."""
    told: Better = getattr(function, "better", "higher")
    if told not in get_args(Better):
        raise ZooError(
            f"What is better of the metric '{name}' is one of {', '.join(get_args(Better))}, not {briefly(told)}."
        )
    return told
