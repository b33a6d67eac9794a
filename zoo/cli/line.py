"""The command line as text: what was given, and a list with commas in it."""

from __future__ import annotations

import shlex
import sys


def command() -> str:
    """The command that was given."""
    return shlex.join(["zoo", *sys.argv[1:]])


def by_commas(text: str | None) -> tuple[str, ...]:
    """``"ns, r1"`` to ``("ns", "r1")``; none of nothing."""
    return tuple(word for part in (text or "").split(",") if (word := part.strip()))
