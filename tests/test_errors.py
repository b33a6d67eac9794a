"""The nearest right name: suggested where there is one, and nothing else; what an exception says, in a line."""

from __future__ import annotations

import pytest

from toy_data.errors import hint
from zoo import variants
from zoo.errors import first_line, kind_and_line, unknown


@pytest.mark.parametrize(("name", "near"), [("unroled", "unrolled"), ("vanila", "vanilla"), ("wgangp", "wgan-gp")])
def test_a_slip_is_answered_with_the_name(name: str, near: str) -> None:
    for sentence in (str(unknown("variant", name, variants.own())), hint(name, variants.own())):
        assert f"did you mean '{near}'?" in sentence


@pytest.mark.parametrize("name", ["mode", "nope", "gan3000"])
def test_what_is_near_nothing_gets_the_list(name: str) -> None:
    for sentence in (str(unknown("variant", name, variants.own())), hint(name, variants.own())):
        assert "did you mean" not in sentence
        assert "there are: " in sentence


@pytest.mark.parametrize(
    ("said", "line", "with_its_kind"),
    [
        ("no room\nat all", "no room", "OSError: no room"),
        ("\n  no room\n", "no room", "OSError: no room"),
        ("", "OSError", "OSError"),
        (" \n ", "OSError", "OSError"),
    ],
)
def test_an_exception_is_told_in_a_line_also_one_that_says_nothing(said: str, line: str, with_its_kind: str) -> None:
    assert (first_line(OSError(said)), kind_and_line(OSError(said))) == (line, with_its_kind)
