"""The nearest right name: suggested where there is one, and nothing else."""

from __future__ import annotations

import pytest

from toy_data.errors import hint
from zoo import variants
from zoo.errors import unknown


@pytest.mark.parametrize(("name", "near"), [("unroled", "unrolled"), ("vanila", "vanilla"), ("wgangp", "wgan-gp")])
def test_a_slip_is_answered_with_the_name(name: str, near: str) -> None:
    for sentence in (str(unknown("variant", name, variants.own())), hint(name, variants.own())):
        assert f"did you mean '{near}'?" in sentence


@pytest.mark.parametrize("name", ["mode", "nope", "gan3000"])
def test_what_is_near_nothing_gets_the_list(name: str) -> None:
    for sentence in (str(unknown("variant", name, variants.own())), hint(name, variants.own())):
        assert "did you mean" not in sentence
        assert "there are: " in sentence
