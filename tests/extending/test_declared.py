"""What a file brings, told from its text."""

from __future__ import annotations

import pytest

from zoo.extending import declared

GIVEN = ('"mine", "loss"', '"mine", family="loss"', 'name="mine", family="loss"', 'family="loss", name="mine"')


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("mark", ["register", "zoo.register"])
def test_a_variant_is_seen_however_it_is_registered(mark: str, given: str) -> None:
    text = f'@{mark}({given})\nclass Mine(GAN):\n    """One line.\n\n    More."""\n'
    assert declared.registered(text) == {"mine": declared.Registered("Mine", "One line.", "loss")}
