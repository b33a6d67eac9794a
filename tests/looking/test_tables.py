"""How numbers stand in tables."""

from __future__ import annotations

import math

import pytest

from zoo.looking.tables import interval
from zoo.statistics import number


@pytest.mark.parametrize(
    ("value", "told"),
    [(1000.0, "1,000"), (12345.6, "12,346"), (99.96, "100"), (0.01234, "0.0123"), (-250.4, "-250"), (0.0, "0")],
)
def test_a_number_keeps_what_stands_before_the_point(value: float, told: str) -> None:
    assert number(value) == told


def test_what_is_no_number() -> None:
    assert (number(math.nan), number(math.inf)) == ("-", "inf")
    assert (interval((math.nan, math.nan)), interval((967.8, 1000.0))) == ("-", "968 to 1,000")
