"""The one exception that data can cause through its user: a sentence saying what was wrong, and the nearest right thing."""

from __future__ import annotations

from collections.abc import Iterable

NEAR = 0.65
"""How alike (difflib's ratio) a name must be to be suggested: at a half, 'nope' is near 'unrolled'."""


class DataError(ValueError):
    """One sentence, fit to be shown as it is."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` may have been meant to be."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=NEAR)), None)


def hint(name: str, known: Iterable[str]) -> str:
    """``did you mean 'ring'?``, or the whole list where nothing is near."""
    names = list(known)
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else f"there are: {', '.join(names)}."
