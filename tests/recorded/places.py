"""Where results are recorded, and their numbers in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from baselines import recipes
from zoo.sweeps.tuning import RESULTS, Trial, best, kept

README = RESULTS.parents[1] / "README.md"
TUNED = sorted(path.stem for path in (recipes.FOLDER / "tuned").glob("*.toml"))


COUNTS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
)


def flat(text: str) -> str:
    """Without its line breaks."""
    return " ".join(text.split())


def results(begins: str, ends: str = "\n## ") -> str:
    """The part of docs/results.md between two texts, in one line."""
    page = (README.parent / "docs" / "results.md").read_text(encoding="utf-8")
    assert begins in page
    return flat(page.partition(begins)[2].partition(ends)[0])


def summaries(place: str) -> dict[str, dict[str, Any]]:
    """By the folder's names."""
    found = sorted((RESULTS / place).glob("*/summary.json"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def trials_of(recipe: str) -> dict[str, list[Trial]]:
    return kept(RESULTS / recipe / "trials.csv")


def best_trials(recipe: str) -> dict[str, dict[str, float]]:
    """What each method's chosen trial reached, on the seeds of the trials."""
    return {name: best(of_one).measured for name, of_one in trials_of(recipe).items()}


def told(metric: Mapping[str, Any], digits: int = 2) -> str:
    """A metric's mean [interval]."""
    low, high = metric["ci95"]
    return f"{metric['mean']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names) or "none"
