"""How numbers stand in tables."""

from __future__ import annotations

import math

import pytest

from zoo.looking.tables import interval
from zoo.statistics import number


@pytest.mark.parametrize(
    ("value", "told"),
    [(1000.0, "1,000"), (12345.6, "12,345.6"), (123.44, "123.4"), (0.01234, "0.0123"), (-250.4, "-250.4"), (0.0, "0")],
)
def test_a_number_keeps_what_stands_before_the_point_and_one_behind_it(value: float, told: str) -> None:
    assert number(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (999.6, "999.6"),
        (999.96, "999.96"),
        (99.96, "99.96"),
        (24.98, "24.98"),
        (7.9996, "7.9996"),
        (0.99996, "0.99996"),
    ],
)
def test_no_number_is_rounded_up_to_a_whole_one(value: float, told: str) -> None:
    """999.6 of 1000 modes are not all of them."""
    assert number(value) == told
    assert number(round(value) + 1e-13) == f"{round(value):,}"  # that is what arithmetic leaves of a whole number


def test_what_is_no_number() -> None:
    assert (number(math.nan), number(math.inf)) == ("-", "inf")
    assert (interval((math.nan, math.nan)), interval((967.8, 1000.0))) == ("-", "967.8 to 1,000")
