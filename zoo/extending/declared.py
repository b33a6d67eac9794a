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
        isinstance(mark, ast.Call) and _called(mark) in REGISTERING
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
            if isinstance(mark, ast.Call) and _called(mark) == "register":
                given = dict(zip(("name", "family"), mark.args, strict=False)) | {k.arg: k.value for k in mark.keywords}
                told = {k: v.value for k, v in given.items() if isinstance(v, ast.Constant)}
                if isinstance(name := told.get("name"), str):
                    about = (ast.get_docstring(node) or "").split("\n")[0]
                    found[name] = Registered(node.name, about, str(told.get("family", "other")))
    return found


def _called(mark: ast.Call) -> str:
    """What is called: ``register`` of ``zoo.register(...)`` and ``register(...)`` alike."""
    return str(getattr(mark.func, "attr", getattr(mark.func, "id", "")))
