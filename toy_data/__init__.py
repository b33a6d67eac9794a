"""Toy data: what a GAN learns while its modes are counted. Knows nothing of GANs.

    data = toy_data.load("ring")
    x = data.sample(128, torch.Generator().manual_seed(0))  # [128, 2]

Importing this package imports no torch; the classes are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from toy_data.errors import DataError
from toy_data.registry import catalogue, dataset, load

if TYPE_CHECKING:
    from toy_data.base import Data
    from toy_data.images import Images, Stacks
    from toy_data.mixtures import Mixture
    from toy_data.points import Points

_HOME = {"Data": "base", "Images": "images", "Mixture": "mixtures", "Points": "points", "Stacks": "images"}
__all__ = ["Data", "DataError", "Images", "Mixture", "Points", "Stacks", "catalogue", "dataset", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'toy_data' has no attribute '{name}'")
    return getattr(importlib.import_module(f"toy_data.{_HOME[name]}"), name)
