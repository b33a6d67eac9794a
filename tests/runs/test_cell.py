"""What a cell becomes of what was asked for."""

from __future__ import annotations

import pytest

from zoo.runs.cell import plan


@pytest.mark.parametrize(
    ("changes", "every"),
    [({}, 500), ({"rounds": 100}, 5), ({"rounds": 3}, 1), ({"rounds": 100, "every": 50}, 50), ({"rounds": 9000}, 500)],
)
def test_a_shortened_recipe_is_still_evaluated_twenty_times(changes: dict[str, int], every: int) -> None:
    assert plan("ns", recipe="ring-tuned", changes=changes).recipe.every == every
