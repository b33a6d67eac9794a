"""The one exception that data can cause through its user: a sentence saying what was wrong, and the nearest right thing."""

from __future__ import annotations

from collections.abc import Iterable


class DataError(ValueError):
    """One sentence, fit to be shown as it is."""


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'ring'?``, or the whole list where nothing is near."""
    import difflib

    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.65)
    return f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(names)}."
