"""The catalogue: one file per method, here and in ``baselines/generators``; nothing is imported before it is asked for.

``names()`` and ``idea(name)`` read the files' text (no torch), so that listing is instant; ``load(name)`` imports one variant. Variants
of other packages, of files given to ``zoo.extending.plugins.load_file``, and of a notebook that registered them, stand beside ours.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import unknown
from zoo.extending import plugins
from zoo.extending.declared import Registered, registered

if TYPE_CHECKING:
    from zoo.variant import Variant


@cache
def _catalogue() -> dict[str, tuple[str, Registered]]:
    """Variant name to its module and what the ``@register("name")`` in that file says."""
    import baselines

    folders = {
        "zoo.variants": Path(__file__).parent,
        "baselines.generators": Path(baselines.__path__[0]) / "generators",
    }
    found = {}
    for package, folder in folders.items():
        for path in sorted(folder.glob("*.py")):
            for name, variant in registered(path.read_text(encoding="utf-8")).items():
                found[name] = (f"{package}.{path.stem}", variant)
    return found


def own() -> list[str]:
    """The variants of this package, sorted."""
    return sorted(_catalogue())


def names() -> list[str]:
    """All variants, sorted: ours, those that plugins bring, and those that this process registered."""
    return sorted({*_catalogue(), *plugins.names()})


def idea(name: str) -> str:
    """The variant in one line."""
    return _catalogue()[name][1].about if name in _catalogue() else plugins.ideas()[name]


def family(name: str) -> str:
    """What kind of remedy a variant of ours is."""
    return _catalogue()[name][1].family


def load(name: str) -> type[Variant]:
    """The variant's class; ``ZooError`` with the nearest name when there is none, or with a broken plugin's error."""
    if name not in _catalogue():
        if name in plugins.names():
            return plugins.load_variant(name)
        raise unknown("variant", name, names())
    importlib.import_module(_catalogue()[name][0])
    from zoo.variant import REGISTRY

    return REGISTRY[name]
