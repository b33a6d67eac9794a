"""The catalogue: one file per method, found by its file name; nothing is imported before it is asked for.

``names()`` and ``idea(name)`` read the files' text (no torch), so that listing is instant; ``load(name)`` imports one variant.
"""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import unknown

if TYPE_CHECKING:
    from zoo.variant import Variant


@cache
def _catalogue() -> dict[str, tuple[str, str]]:
    """Variant name to (module, first line of its class's docstring), from the ``@register("name")`` in each file."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.ClassDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "register":
                    name = ast.literal_eval(mark.args[0])
                    found[name] = (path.stem, (ast.get_docstring(node) or "").split("\n")[0])
    return found


def names() -> list[str]:
    """All registered variants, sorted."""
    return sorted(_catalogue())


def idea(name: str) -> str:
    """The variant in one line."""
    return _catalogue()[name][1]


def load(name: str) -> type[Variant]:
    """The variant's class; ``ZooError`` with the nearest name when there is none."""
    if name not in _catalogue():
        raise unknown("variant", name, names())
    importlib.import_module(f"zoo.variants.{_catalogue()[name][0]}")
    from zoo.variant import REGISTRY

    return REGISTRY[name]
