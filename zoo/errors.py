"""The one exception that a user's input can cause; the command line prints its sentence and ends with exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

NEAR = 0.65
"""How alike (difflib's ratio) a name must be to be suggested: at a half, 'nope' is near 'unrolled'."""


class ZooError(ValueError):
    """One sentence: what was wrong, and the nearest right thing."""


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that ``name`` may have been meant to be."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=NEAR)), None)


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> ZooError:
    """The error for a name that is not in ``known``, with the nearest one that is; ``where`` it was looked for, in words."""
    names = sorted(known)
    near = nearest(name, names)
    hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(names)}."
    return ZooError(f"There is no {kind} '{name}'{where and f' {where}'}; {hint}")
