"""The one exception that a user's input can cause; the command line prints its sentence and ends with exit code 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from toy_data.errors import ZooError as ZooError  # at home there, so that it catches what data cause
from toy_data.errors import briefly, hint

WORDS: dict[Any, str] = {str: "text in quotes", list[str]: "text in quotes, or a list of such", dict: "a table"}


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; its kind, where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def kind_and_line(error: BaseException) -> str:
    """``ValueError: its first line``; the kind alone, where it says nothing."""
    kind, line = type(error).__name__, first_line(error)
    return kind if line == kind else f"{kind}: {line}"


def counted(n: int, noun: str) -> str:
    """``1 seed``, ``1,024 seeds``."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def lacks_memory(error: BaseException) -> bool:
    """Whether somebody could not have the memory that was asked for: Python, NumPy, or PyTorch (told by name: it may not be imported yet)."""
    by_torch = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or by_torch


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> ZooError:
    """The error for a name that is not in ``known``, with the nearest one that is; ``where`` it was looked for, in words."""
    return ZooError(f"There is no {kind} '{name}'{where and f' {where}'}; {hint(name, sorted(known))}")


def typed(content: Mapping[str, Any], kinds: Mapping[str, Any], where: str) -> None:
    """Raise ``ZooError`` for a key of a file's ``content`` that is not in ``kinds``, or whose value is of another kind than it has there.

    ``where`` the keys stand, in words. A kind is one of ``WORDS``, or ``object`` where somebody else looks.
    """
    for key, value in content.items():
        if key not in kinds:
            raise unknown("key", key, kinds, where)
        kind = kinds[key]
        one, values = (str, value if isinstance(value, list) else [value]) if kind == list[str] else (kind, [value])
        if not all(isinstance(each, one) for each in values):
            raise ZooError(f"'{key}' {where} is {WORDS[kind]}, not {briefly(value)}.")
