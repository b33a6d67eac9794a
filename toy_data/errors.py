"""What a user's input can cause: a sentence saying what was wrong, and the nearest right thing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NEAR = 0.65
"""How alike (difflib's ratio) a name must be to be suggested: at a half, 'nope' is near 'unrolled'."""


class ZooError(ValueError):
    """One sentence, fit to be shown as it is: what was wrong, and the nearest right thing."""


class DataError(ZooError):
    """What data cause, or their name."""


def briefly(value: Any) -> str:
    """A value that was given, as Python writes it, where that is short and one line; else what kind of thing it is."""
    told = repr(value)
    return told if len(told) <= 60 and "\n" not in told else f"a {type(value).__name__}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` may have been meant to be."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=NEAR)), None)


def hint(name: str, known: Iterable[str]) -> str:
    """``did you mean 'ring'?``, or the whole list where nothing is near."""
    names = list(known)
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else f"there are: {', '.join(names)}."
