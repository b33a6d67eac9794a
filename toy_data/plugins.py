"""What other packages offer through entry points: found by their metadata, imported when first needed, wrong by themselves alone.

A package declares, say, ``[project.entry-points."zoo.datasets"]  two-moons = "my_package.moons:two_moons"``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any


class PluginError(ValueError):
    """One sentence: which plugin of which package cannot be used, and why."""


def first_of_doc(thing: Any) -> str:
    """The first line of a class's or a function's docstring; '' where it has none."""
    return (thing.__doc__ or "").strip().split("\n")[0]


@dataclass(frozen=True)
class Plugin:
    """One entry point: its name here, ``module:attribute``, and the package that brings it."""

    name: str
    target: str
    package: str

    def load(self) -> Any:
        """The object; ``PluginError`` with the plugin's own error, whatever it is."""
        module, _, attribute = self.target.partition(":")
        try:
            found = importlib.import_module(module)
            for part in attribute.split(".") if attribute else ():
                found = getattr(found, part)
            return found
        except (Exception, SystemExit) as error:
            raise self.error(f"{type(error).__name__}: {error}") from error

    def error(self, why: str) -> PluginError:
        """The error that says why this plugin cannot be used."""
        return PluginError(f"The plugin '{self.name}' of {self.package} ({self.target}) cannot be used: {why}")

    def about(self) -> str:
        """The first line of its docstring, read from its file without importing it; '' where that is not possible."""
        module, _, attribute = self.target.partition(":")
        try:
            spec = _find(module)
            tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8")) if spec and spec.origin else None
        except (ImportError, OSError, SyntaxError, ValueError):
            return ""
        for node in tree.body if tree else ():
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
                return (ast.get_docstring(node) or "").split("\n")[0]
        return ""


def _find(module: str) -> ModuleSpec | None:
    """Where a module is, without importing its parents."""
    parts = module.split(".")
    spec = importlib.util.find_spec(parts[0])
    for i in range(2, len(parts) + 1):
        path = spec.submodule_search_locations if spec else None
        name = ".".join(parts[:i])
        found = (finder.find_spec(name, path) for finder in sys.meta_path if path is not None)
        spec = next((s for s in found if s is not None), None)
    return spec


@cache
def installed(group: str, own: frozenset[str] = frozenset()) -> tuple[dict[str, Plugin], dict[str, str]]:
    """The plugins of a group by name, and a sentence for each that is refused: its name is one of our ``own``, or two packages claim it."""
    claims: dict[str, list[Plugin]] = {}
    for point in entry_points(group=group):
        claims.setdefault(point.name, []).append(_plugin(point))
    good, refused = {}, {}
    for name, claimants in sorted(claims.items()):
        packages = " and ".join(sorted(p.package for p in claimants))
        if name in own:
            refused[name] = f"'{name}' of {packages} is refused: the zoo has that name itself, and keeps its own."
        elif len(claimants) > 1:
            refused[name] = f"'{name}' is refused: {packages} both claim that name; uninstall one."
        else:
            good[name] = claimants[0]
    return good, refused


def _plugin(point: EntryPoint) -> Plugin:
    return Plugin(point.name, point.value, point.dist.name if point.dist else "an unknown package")
