"""The one exception that a user's input can cause; the command line prints its sentence and ends with exit code 2."""

from __future__ import annotations

from collections.abc import Iterable

from toy_data.errors import nearest


class ZooError(ValueError):
    """One sentence: what was wrong, and the nearest right thing."""


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> ZooError:
    """The error for a name that is not in ``known``, with the nearest one that is; ``where`` it was looked for, in words."""
    return ZooError(f"There is no {kind} '{name}'{where and f' {where}'}; {nearest(name, sorted(known))}")
