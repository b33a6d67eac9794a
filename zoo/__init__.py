"""The mode-collapse zoo: GAN variants in one harness, many seeds side by side, judged by mode coverage.

    import zoo
    result = zoo.run("unrolled", data="ring", k=5, seeds=8)

Importing this package imports nothing heavy; names are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.api import Result, run
    from zoo.contract import check
    from zoo.errors import ZooError
    from zoo.game import Batch, Nets, Player
    from zoo.plugins import load_file
    from zoo.variant import GAN, Opt, Variant, register

_HOME = {
    "run": "zoo.api",
    "Result": "zoo.api",
    "ZooError": "zoo.errors",
    "Batch": "zoo.game",
    "Nets": "zoo.game",
    "Player": "zoo.game",
    "GAN": "zoo.variant",
    "Opt": "zoo.variant",
    "Variant": "zoo.variant",
    "register": "zoo.variant",
    "check": "zoo.contract",
    "load_file": "zoo.plugins",
}
__all__ = [
    "GAN",
    "Batch",
    "Nets",
    "Opt",
    "Player",
    "Result",
    "Variant",
    "ZooError",
    "check",
    "load_file",
    "register",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)
