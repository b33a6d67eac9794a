"""Lists to cells: variants x data sets x a grid of options, from the command line or a TOML file.

variants = ["ns", "unrolled"]
data = ["ring", "grid"]
seeds = 32                 # of every cell, side by side; or "0-31", or [3, 5]
recipe = "my.toml"         # else each data set's own
protocol = "pacgan"
[grid]                     # options of variants and fields of recipes; one value, or a list
k = [0, 1, 5]
rounds = 2000
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import toy_data
from baselines import recipes
from zoo import recipe, variants
from zoo.errors import ZooError, unknown
from zoo.files import read_toml
from zoo.runs import settings
from zoo.runs.cell import Cell, Load, plan
from zoo.variant import options

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Grid:
    """What a sweep is over. A value of ``grid`` applies to the variants that have the option, or to all where it is a recipe's field."""

    variants: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    """Unless some are named the recipe's own, else ring."""
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    seeds: str | int | Sequence[int] = 8
    recipe: str | None = None
    protocol: str | None = None
    data_root: str | None = None


KINDS = {
    "variants": list[str],
    "data": list[str],
    "grid": dict,
    "seeds": object,
    "recipe": str,
    "protocol": str,
    "data_root": str,
}
"""What a sweep's file may say; of seeds, ``parse_seeds`` knows what they may be."""


def read(path: Path) -> Grid:
    """The grid in a TOML file; ``ZooError`` with the nearest right key where one is wrong."""
    content = read_toml(path, "sweep", KINDS)
    table = values_of(content.pop("grid", {}))
    lists: dict[str, Any] = {key: _several(content[key]) for key in ("variants", "data") if key in content}
    return Grid(**(content | lists), grid=table)


def values_of(table: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Names of options and fields, of a file or from Python, each with one value or several, to all their values."""
    found = {}
    for name, value in table.items():
        found[name.replace("-", "_")] = values = _several(value)
        if not values:
            raise ZooError(
                f"'{name}' of the grid has no values, so that there would be no cell; leave it out, or give some."
            )
    return found


def parse(given: Sequence[str], flag: str = "--grid", example: str = "k=0,1,5") -> dict[str, tuple[str, ...]]:
    """``["k=0,1,5", "lr-d=1e-3"]`` to names and their values, still as text; ``flag`` is what they were given by."""
    found = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not (name and equals and values):
            raise ZooError(f"{flag} takes an option and its value, such as {example}, not '{text}'.")
        found[name.strip().replace("-", "_")] = tuple(value.strip() for value in values.split(","))
    return found


def cells(grid: Grid) -> list[Cell]:
    """Every cell once, in the order of the lists. ``ZooError`` (naming the cell) for one that cannot be, before anything is trained."""
    if not grid.variants:
        raise ZooError("Which variants? For example: zoo sweep --variants ns,unrolled --data ring,grid --grid k=0,1,5.")
    own = {name: options(variants.load(name)) for name in grid.variants}
    common = recipe.fields()
    for name in grid.grid:
        if name not in common and not any(name in opts for opts in own.values()):
            everything = {*common, *(known for opts in own.values() for known in opts)}
            raise unknown("option", name, everything, f"of {', '.join(grid.variants)} or of a recipe")
    found: dict[str, Cell] = {}
    load = cache(toy_data.load)  # images take seconds to be read and checked
    learnt = grid.data or ((recipes.load(grid.recipe).data if grid.recipe else None) or "ring",)
    for variant, data in itertools.product(grid.variants, learnt):
        kinds = {name: kind for name, (kind, _) in (common | own[variant]).items()}
        axes = [
            [(n, value_of(n, value, kinds[n])) for value in values] for n, values in grid.grid.items() if n in kinds
        ]
        for chosen in _points(axes):
            cell = _cell(grid, variant, data, {k: v for k, v in chosen.items() if k in own[variant]}, chosen, load)
            found.setdefault(cell.key, cell)
    return list(found.values())


def _points(axes: list[list[tuple[str, Any]]]) -> Iterator[dict[str, Any]]:
    return (dict(point) for point in itertools.product(*axes))


def _cell(grid: Grid, variant: str, data: str, own: dict[str, Any], chosen: dict[str, Any], load: Load) -> Cell:
    changes = {k: v for k, v in chosen.items() if k not in own}
    try:
        return plan(
            variant,
            own,
            data=data,
            recipe=grid.recipe,
            changes=changes,
            seeds=grid.seeds,
            protocol=grid.protocol,
            data_root=grid.data_root,
            load=load,
        )
    except ZooError as error:
        raise ZooError(f"{variant} on {data}: {error}") from error


def _several(value: Any) -> tuple[Any, ...]:
    """All of a list, a range, an array; a single value by itself."""
    one = isinstance(value, str | Mapping) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0
    return (value,) if one else tuple(value)


def value_of(name: str, value: Any, kind: type, flag: str = "--grid") -> Any:
    """A value of the grid (or of another ``flag``) as the type of its option: text is read, whole numbers may stand for numbers."""
    if isinstance(value, bool) or kind is str:
        return value
    if kind is bool and str(value).lower() in WORDS:
        return WORDS[str(value).lower()]
    try:
        if kind is float or (kind is int and isinstance(value, str)):
            return kind(value)
    except (TypeError, ValueError):
        pass
    if isinstance(value, str):
        wanted = {bool: "true or false", int: "whole numbers", float: "numbers"}[kind]
        raise ZooError(f"{flag} {name} takes {wanted}, not '{value}'.")
    return value


def label(cell: Cell) -> str:
    """A cell in a few words, which no other cell of a grid has: ``unrolled k=5 lr_d=0.01 on ring``."""
    return f"{settings.label(cell.variant, cell.options, asdict(cell.recipe), cell.recipe_name)} on {cell.data}"


def override(grid: Grid, given: dict[str, Any]) -> Grid:
    """The grid with what was given (not None, not empty) instead; tables of options are joined."""
    chosen = {k: v for k, v in given.items() if v}
    return replace(grid, **chosen | {"grid": grid.grid | given.get("grid", {})})
