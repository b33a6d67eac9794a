"""Which data sets there are, and how a name becomes one. Listing them imports neither torch nor anything else heavy."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from toy_data.errors import DataError, briefly, hint
from toy_data.plugins import Plugin, PluginError, first_of_doc, installed

if TYPE_CHECKING:
    from toy_data.base import Data


FOLDERS = ("idx:", "folder:")
"""What a name begins with that is a kind and a folder of a user's own."""
GROUP = "zoo.datasets"
"""The entry points that other packages offer data sets by."""


class _Entry(NamedTuple):
    about: str
    home: str
    """``module:function`` that makes it."""
    from_files: bool = False
    """Whether the function takes the folder that holds the data."""


_ENTRIES = {
    "ring": _Entry("8 modes on a circle of radius 2, sigma 0.02 (Metz et al. 2017)", "synthetic:ring"),
    "ring-pacgan": _Entry("8 modes on a circle of radius 1, sigma 0.01 (Lin et al. 2018)", "synthetic:ring_pacgan"),
    "ring-d2gan": _Entry(
        "8 modes on a circle of radius 2, covariance .02 I, so sigma .141 (Nguyen et al. 2017)", "synthetic:ring_d2gan"
    ),
    "ring-3d": _Entry(
        "7 modes on a circle of radius 1 in a plane of space, sigma .01 within it (Roth et al. 2017)",
        "synthetic:ring_3d",
    ),
    "ring-imbalanced": _Entry(
        "the ring with unequal weights: mode k is drawn in proportion to 2^(-k/2), so from .31 to .028",
        "synthetic:ring_imbalanced",
    ),
    "ring-metz-bug": _Entry(
        "ring-pacgan as released notebooks build it: linspace(0, 2 pi, 8), so 7 distinct modes, one of double weight",
        "synthetic:ring_metz_bug",
    ),
    "grid": _Entry("25 modes, spacing 2, sigma 0.05", "synthetic:grid"),
    "grid-wide": _Entry("25 modes, spacing 10.5, variance .1, so sigma .316 (Lim & Ye 2017)", "synthetic:grid_wide"),
    "grid100": _Entry("100 modes, spacing 2, sigma 0.05", "synthetic:grid100"),
    "gmm1d": _Entry(
        "5 modes on a line at 10, 20, 60, 80, 110 with standard deviations 3, 3, 2, 2, 1 (Ghosh et al. 2018)",
        "synthetic:gmm1d",
    ),
    "cube1200": _Entry(
        "10 modes in 1200 dimensions, noise on the first 700 (Srivastava et al. 2017)", "synthetic:cube1200"
    ),
    "digits": _Entry("1,797 real 8x8 handwritten digits, 10 classes, no download (scikit-learn's)", "images:digits"),
    "stacked-digits": _Entry("three 8x8 digits in three channels, 1000 modes, no download", "images:stacked_digits"),
    "mnist": _Entry("60,000 + 10,000 handwritten digits, 28x28, 10 classes", "images:mnist", True),
    "mnist-imbalanced": _Entry(
        "MNIST with a long tail: of digit c a share of 2^(-c/1.5) is kept, so from all to 1/64",
        "images:mnist_imbalanced",
        True,
    ),
    "stacked-mnist": _Entry(
        "three MNIST digits in three channels, 1000 modes: the fixed set of 128,000 stacks",
        "images:stacked_mnist",
        True,
    ),
    "stacked-mnist-fly": _Entry(
        "three MNIST digits in three channels, 1000 modes: stacked anew for every draw",
        "images:stacked_mnist_fly",
        True,
    ),
    "stacked-mnist-4": _Entry(
        "four MNIST digits in four channels, 10,000 modes: 1,280,000 fixed stacks", "images:stacked_mnist_4", True
    ),
}


HERE: dict[str, Callable[..., Any]] = {}
"""Data sets that ``dataset`` registered in this process, by a file or a notebook: name to what makes them."""
Maker = TypeVar("Maker", bound=Callable[..., Any])


def dataset(name: str) -> Callable[[Maker], Maker]:
    """Function decorator: a name for the ``Data`` that the function returns (of nothing, or of the folder ``root``). A taken one is refused."""

    def keep(make: Maker) -> Maker:
        held = HERE.get(name)
        if name in _ENTRIES or (held and (held.__module__, held.__qualname__) != (make.__module__, make.__qualname__)):
            raise DataError(f"There is already a data set '{name}'; choose another name.")
        HERE[name] = make
        return make

    return keep


def own() -> list[str]:
    """The names of the built-in data sets."""
    return list(_ENTRIES)


def catalogue() -> dict[str, str]:
    """Every data set: name -> what it is, in one line; built in, then those of other packages (``zoo.datasets``) and of ``dataset``."""
    plugins, _ = installed(GROUP, frozenset(_ENTRIES))
    brought = {n: p.about() for n, p in plugins.items()} | {n: first_of_doc(make) for n, make in HERE.items()}
    return {n: entry.about for n, entry in _ENTRIES.items()} | brought


def load(name: str | Path, root: str | Path | None = None, fingerprint: str | None = None) -> Data:
    """The data set of that name; a user's own from ``path.npz``; images from ``folder:FOLDER``, or in MNIST's layout from ``idx:FOLDER``.

    ``root``: the folder that holds ``MNIST/raw`` (default: the variable ZOO_DATA, then a cache in the home folder);
    ``fingerprint``: of the data that is meant, where files of that name may hold others by now.
    Raises ``DataError`` for an unknown name, and for files that are missing, damaged, or not what they should be.
    """
    data = _load(name, root)
    if fingerprint is not None and data.fingerprint() != fingerprint:
        raise DataError(f"{name} holds other data than when the run began; put back what it held, or begin a new run.")
    return data


def split(name: str) -> tuple[str, str]:
    """A data set's name as its kind, one of ``FOLDERS``, and the folder; "" and the name for any other."""
    kind = next((kind for kind in FOLDERS if name.startswith(kind)), "")
    return kind, name.removeprefix(kind)


def _load(name: str | Path, root: str | Path | None) -> Data:
    if not isinstance(name, str | Path):
        told = f"A data set is given by its name, text such as 'ring' or 'mine.npz', not by {briefly(name)}"
        save = "" if isinstance(name, int | float) else "; numpy.savez('mine.npz', samples=x) writes such a file"
        raise DataError(f"{told}{save}.")
    name = str(name)
    kind, place = split(name)
    if not kind and name.endswith(".npz"):
        from toy_data.files import from_npz

        own = from_npz(Path(name))
        own.source = name
        return own
    if kind and not place:
        raise DataError(f"'{name}' names no folder; write {name}. for the one that you are in.")
    if kind == "idx:":
        from toy_data.images import from_idx

        return from_idx(Path(place))
    if kind == "folder:":
        from toy_data.pictures import from_folder

        return from_folder(Path(place))
    if name not in _ENTRIES:
        return _brought(name, root)
    entry = _ENTRIES[name]
    module, function = entry.home.split(":")
    make = getattr(importlib.import_module(f"toy_data.{module}"), function)
    data: Data = make(root) if entry.from_files else make()
    return data


def _brought(name: str, root: str | Path | None) -> Data:
    """A data set of another package, a file or a notebook: a function that returns a ``Data``, of nothing or of the folder ``root``."""
    plugins, refused = installed(GROUP, frozenset(_ENTRIES))
    here = HERE.get(name)
    if here is not None:
        plugin = Plugin(name, f"{here.__module__}:{here.__qualname__}", "this process")
    elif name in refused:
        raise DataError(refused[name])
    elif name in plugins:
        plugin = plugins[name]
    elif Path(name).is_dir():
        raise DataError(
            f"{name} is a folder, whose kind must be told: folder:{name} holds PNGs or JPEGs, those of a class in a sub-folder, "
            f"and idx:{name} four files in MNIST's layout."
        )
    else:
        known = [*_ENTRIES, *plugins, *HERE, "FILE.npz", "folder:FOLDER", "idx:FOLDER"]
        raise DataError(f"There is no data set '{name}'; {hint(name, known)}")
    from toy_data.base import Data

    try:
        make = here or plugin.load()
        data = make(root) if "root" in inspect.signature(make).parameters else make()
    except DataError:
        raise
    except PluginError as error:
        raise DataError(str(error)) from error
    except Exception as error:
        raise DataError(str(plugin.error(f"{type(error).__name__}: {error}"))) from error
    if not isinstance(data, Data):
        raise DataError(str(plugin.error(f"it returned {type(data).__name__}, not a toy_data.Data.")))
    return data
