"""The film of a run: which evaluations' samples are kept, and how many of each seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zoo.recipe import Recipe, revise

POINTS, FRAMES = 512, 60
"""Points (or 25 images) per seed and evaluation that are kept, and how many evaluations at most."""


def film_rounds(recipe: Mapping[str, Any]) -> list[int]:
    """The rounds of the whole film of a run with this recipe, as config.json has it."""
    return filmed(revise(Recipe(), dict(recipe)).evaluations())


def filmed(evaluations: list[int]) -> list[int]:
    """The rounds whose samples are kept: each, or every second, fourth, ..., so that they are ``FRAMES`` at most, and the last.

    Every checkpoint writes all of them again. What a run keeps holds what a longer one with the same evaluations would have kept of it.
    """
    stride = 1
    while math.ceil(len(evaluations) / stride) > FRAMES:
        stride *= 2
    return sorted({*evaluations[stride - 1 :: stride], *evaluations[-1:]})
