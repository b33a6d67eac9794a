"""What is learnt: mixtures with known modes, handwritten digits, MNIST and stacks of it. Knows nothing of GANs.

``load("ring").sample(100)``; ``catalogue()`` lists the names. Nothing heavy is imported before ``load``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toy_data.base import Data
    from toy_data.images import Images
    from toy_data.mixtures import Mixture
    from toy_data.points import Points


class DataError(ValueError):
    """One sentence: what is wrong with the data, and how to mend it."""


MIXTURES = {
    "ring": "8 modes on a circle of radius 2, sigma 0.02 (Metz et al. 2017)",
    "ring-pacgan": "8 modes on a circle of radius 1, sigma 0.01 (Lin et al. 2018)",
    "ring-imbalanced": "the ring with unequal weights: mode k is drawn in proportion to 2^(-k/2), so from .32 to .028",
    "ring-linspace-bug": "the ring as released notebooks build it: linspace(0, 2 pi, 8), so 7 distinct modes, one of double weight",
    "grid": "25 modes, spacing 2, sigma 0.05",
    "grid100": "100 modes, spacing 2, sigma 0.05",
    "gmm1d": "5 modes on a line at 10, 20, 60, 80, 110 with standard deviations 3, 3, 2, 2, 1 (Ghosh et al. 2018)",
    "cube1200": "10 modes in 1200 dimensions, noise on the first 700 (Srivastava et al. 2017)",
}
IMAGES = {
    "digits": "1,797 real 8x8 handwritten digits, 10 classes, no download (scikit-learn's)",
    "mnist": "60,000 + 10,000 handwritten digits, 28x28, 10 classes",
    "mnist-imbalanced": "MNIST with a long tail: digit c is kept with probability 2^(-c/1.5)",
    "stacked-mnist": "three MNIST digits in three channels, 1000 modes: the fixed set of 128,000 stacks",
    "stacked-mnist-fly": "three MNIST digits in three channels, 1000 modes: stacked anew for every batch",
    "stacked-mnist-4": "four MNIST digits in four channels, 10,000 modes: 1,280,000 fixed stacks",
    "stacked-digits": "three 8x8 digits in three channels, 1000 modes, no download",
}


def catalogue() -> dict[str, str]:
    """Every built-in data set in one line."""
    return MIXTURES | IMAGES


def load(name: str, root: str | None = None) -> Data:
    """The data set ``name``: a built-in one, a ``.npz`` file, or ``idx:FOLDER``; images are looked for in ``root`` (else ZOO_DATA).

    Raises ``DataError``: an unknown name (with the nearest one), files that are missing or wrong.
    """
    if name in MIXTURES:
        return importlib.import_module("toy_data.mixtures").built_in(name)
    if name in IMAGES or name.startswith("idx:"):
        return importlib.import_module("toy_data.images").load(name, root)
    if name.endswith(".npz"):
        return importlib.import_module("toy_data.points").from_npz(name)
    import difflib

    near = difflib.get_close_matches(name, catalogue(), n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(catalogue())}; or a .npz file, or idx:FOLDER."
    raise DataError(f"There is no data set '{name}'; {hint}")


def __getattr__(name: str) -> Any:
    homes = {"Data": "base", "Mixture": "mixtures", "Points": "points", "Images": "images"}
    if name not in homes:
        raise AttributeError(f"module 'toy_data' has no attribute '{name}'")
    return getattr(importlib.import_module(f"toy_data.{homes[name]}"), name)
