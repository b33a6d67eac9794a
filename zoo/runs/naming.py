"""How a run's data and settings are called: in folders, in files, and to a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toy_data.registry import split
from zoo.errors import counted

MARK = 6
"""Characters of a fingerprint that stand beside a name."""


def data_folder(data: str, fingerprint: str | None = None) -> str:
    """A data set's name as one of a folder; of data given by path the file's, so that no slash is left in it. With the beginning of
    a ``fingerprint``, where one is given: files of one name may hold other data."""
    name = Path(data).stem if data.endswith(".npz") else data.replace(":", "-").replace("/", "-")
    return f"{name}-{fingerprint[:MARK]}" if fingerprint else name


def data_name(data: str) -> str:
    """A data set's name to be read; of data given by path the file's, without the folders that it lies in."""
    if path_of(data) is None:
        return data
    kind, place = split(data)
    return kind + (Path(place).name or place)


def path_of(data: str) -> str | None:
    """The name of a user's own data with the whole path of its file or folder; None for a data set that goes by its name alone."""
    kind, place = split(data)
    return kind + str(Path(place).absolute()) if kind or data.endswith(".npz") else None


def source_of(data: str, path: str | None) -> str:
    """What data are loaded by: the ``path_of`` that a run wrote down, where something is there; else their name as it was given."""
    return path if path and Path(split(path)[1]).exists() else data


def title(variant: str, options: Mapping[str, Any], data: str, seeds: Sequence[int]) -> str:
    """What a run is of: ``unrolled k=5 on ring, 8 seeds``."""
    return f"{' '.join([variant, *words(options)])} on {data_name(data)}, {counted(len(seeds), 'seed')}"


def short(value: Any) -> str:
    """A setting's value in few characters."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def words(options: Mapping[str, Any]) -> list[str]:
    """A word for each option: ``k=5``. A switch stands by its name when on, not at all when off."""
    return [k if v is True else f"{k}={short(v)}" for k, v in options.items() if v is not False]
