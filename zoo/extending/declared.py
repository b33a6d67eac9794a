"""What a file brings, as its text says it: nothing is run."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True)
class Registered:
    """What ``@register("name", family="...")`` says in a file's text."""

    cls: str
    about: str
    """First line of the class's docstring."""
    family: str


REGISTERING = {"register", "dataset", "metric"}
"""The decorators by which a file brings something."""


def brings(text: str) -> bool:
    """Whether anything in a file's text is decorated by one of them."""
    return any(
        isinstance(mark, ast.Call) and getattr(mark.func, "attr", getattr(mark.func, "id", "")) in REGISTERING
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for mark in node.decorator_list
    )


def registered(text: str) -> dict[str, Registered]:
    """The variants of a file by name, from its text."""
    found = {}
    for node in ast.parse(text).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and "register" in (
                getattr(mark.func, "id", ""),
                getattr(mark.func, "attr", ""),
            ):
                name = mark.args[0].value if mark.args and isinstance(mark.args[0], ast.Constant) else None
                families = [k.value.value for k in mark.keywords if isinstance(k.value, ast.Constant)]
                if isinstance(name, str):
                    about = (ast.get_docstring(node) or "").split("\n")[0]
                    found[name] = Registered(node.name, about, str(families[0]) if families else "other")
    return found
