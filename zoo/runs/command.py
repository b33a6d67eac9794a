"""The command that trains a cell, what a reader types to have it again, however it was started; and the one that goes on with its run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import toy_data
from baselines import recipes
from zoo.evaluation.evaluate import protocol_named
from zoo.extending import plugins
from zoo.runs.cell import Cell
from zoo.runs.kits import idle
from zoo.runs.settings import changed, of_variant
from zoo.variant import make
from zoo.variant import options as options_of


def command(cell: Cell, source: toy_data.Data, *, compiled: bool = False, tf32: bool = False) -> str:
    """``zoo run ...`` that plans this cell on ``source``, its data: what differs from the defaults of variant, data and recipe, quoted.

    A recipe file of the user's, which may be gone or changed tomorrow, is spelled out; so is ``--compile``, which another machine might
    not choose by itself.
    """
    file = recipes.default_for(cell.data, image=len(source.shape) == 3)
    words = ["zoo", "run", *plugins.option(cell.variant, cell.data), cell.variant]
    named: list[str] = []
    if cell.recipe_name != file.name and cell.recipe_name in recipes.names():
        file, named = recipes.load(cell.recipe_name), ["--recipe", cell.recipe_name]
    made, given = cell.build(), changed(file, cell.variant, cell.recipe)
    usual = make(type(made), of_variant(file, cell.variant))
    for name in options_of(type(made)):
        if (value := getattr(made, name)) != getattr(usual, name):
            words += option(name, value)
    words += ["--data", cell.data, *named]
    useless = idle(made, cell.recipe.kit, given)
    for name, value in given.items():
        words += [] if name in useless else option(name, value)
    words += ["--seeds", seeds_in_words(cell.seeds)]
    if cell.protocol != protocol_named(file.protocol, source):
        words += ["--protocol", cell.protocol.name]
    if cell.data_root:
        words += ["--data-root", cell.data_root]
    return shlex.join([*words, *["--compile"] * compiled, *["--tf32"] * tf32])


def going_on(cell: Cell, folder: Path) -> str:
    """The command that goes on with the run of this cell in a folder."""
    return shlex.join(["zoo", "run", *plugins.option(cell.variant, cell.data), "--resume", str(folder)])


def option(name: str, value: Any) -> list[str]:
    """An option as words of the command line."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", str(value)]


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Seeds as ``parse_seeds`` reads them, as short as can be: 8, 3-7, or 3,5."""
    first, last = seeds[0], seeds[-1]
    if list(seeds) != list(range(first, last + 1)):
        return ",".join(map(str, seeds))
    return f"{first}-{last}" if first else str(len(seeds))
