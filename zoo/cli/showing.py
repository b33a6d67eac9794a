"""`zoo show`: all there is to say of a variant, a recipe, a data set or a metric, by name."""

from __future__ import annotations

import dataclasses
import inspect
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any

import toy_data
from baselines import recipes
from toy_data.errors import nearest
from zoo import variants
from zoo.catalogue import optimiser
from zoo.cli.listing import listing
from zoo.errors import ZooError, counted
from zoo.extending import measures
from zoo.metrics.modes import PROTOCOLS
from zoo.metrics.spec import BY_NAME, direction
from zoo.recipe import Recipe, revise
from zoo.runs.naming import path_of
from zoo.variant import options


def show(name: str) -> None:
    """Whatever has this name: 'ring' is a data set, and its recipe."""
    metrics = {entry["name"]: entry["about"] for entry in listing()["metrics"]}
    if name.endswith(".toml") or path_of(name):
        (show_recipe if name.endswith(".toml") else show_own)(name)
        return
    kinds: dict[Any, Collection[str]] = {
        show_variant: variants.names(),
        show_dataset: toy_data.catalogue(),
        show_recipe: recipes.names(),
        show_metric: metrics,
    }
    found = [tell for tell, names in kinds.items() if name in names]
    if not found and Path(name).is_dir():
        toy_data.load(name)  # which says how a folder is named
    if not found:
        near = nearest(name, [known for names in kinds.values() for known in names])
        hint = f"did you mean '{near}'?" if near else "`zoo list` shows what there is."
        raise ZooError(f"There is no variant, data set, recipe or metric '{name}'; {hint}")
    for i, tell in enumerate(found):
        print("\n" * (i > 0), end="")
        tell(name)


def show_variant(name: str) -> None:
    """The docstring, the players, the options."""
    cls = variants.load(name)
    print(f"{name}, a variant\n")
    print(inspect.cleandoc(cls.__doc__ or ""))
    print("\nPlayers, in turn order:")
    made = cls()
    for player in made.players():
        told = f"{player.steps} turns a round" if player.steps > 1 else "one turn a round"
        print(
            f"  {player.name} moves {player.owns} with {optimiser(player)} ({told}{', then projected' if player.project else ''})"
        )
    found = options(cls)
    print("\nOptions:" if found else "\nIt has no options of its own.")
    for field_name, (kind, opt) in found.items():
        default = getattr(made, field_name)
        source = f" [{opt.source}]" if opt.source else ""
        print(f"  --{field_name.replace('_', '-')} {kind.__name__} = {default}: {opt.help}{source}")


def show_dataset(name: str) -> None:
    """What the listing says, and the recipes that are for it."""
    print(f"{name}, a data set\n\n{toy_data.catalogue()[name]}")
    meant = [recipe for recipe, path in recipes.files().items() if recipes.read(path).data == name]
    if meant:
        print(f"\nRecipes for it: {', '.join(meant)}")
    print(f"\nRun a variant on it:\n  zoo run VARIANT --data {name}")


def show_own(name: str) -> None:
    """What a user's own file or folder was read as, and what it is trained and counted by."""
    from toy_data.images import Pixels
    from zoo.evaluation.evaluate import default_protocol

    data = toy_data.load(name)
    size, image = " x ".join(map(str, data.shape)), len(data.shape) == 3
    noun = "image" if image else "point"
    kind = f"of {size} (channels, rows, columns)" if image else f"in {counted(data.shape[0], 'dimension')}"
    print(f"{name}, data of yours\n")
    if isinstance(data, toy_data.Mixture):
        print(f"A mixture of Gaussians: points {kind}, drawn anew for every batch.")
    else:
        assert isinstance(data, toy_data.Points | Pixels)
        trained = data.train[0] if isinstance(data, toy_data.Points) else data.train
        print(f"{counted(len(trained), noun)} {kind} to train on, {data.n_held_out:,} held out.")
    if data.weights is None:
        print("It has no labels, or one and the same for all, so no modes are known.")
    else:
        least, most = (f"{100 * float(share):.3g} %" for share in (data.weights.min(), data.weights.max()))
        shares = f"each {least}" if least == most else f"the least of {least}, the largest of {most}"
        print(f"{counted(len(data.weights), 'mode')}, {shares}.")
        if isinstance(data, toy_data.Images) and data.classes != tuple(map(str, range(len(data.classes)))):
            print(f"By number: {', '.join(f'{i} {called}' for i, called in enumerate(data.classes))}.")
    protocol, recipe = default_protocol(data).name, recipes.default_for(name, image).name
    print(
        f"\nRecipe: {recipe}\nProtocol: {protocol}\n\nRun a variant on it:\n  zoo run VARIANT --data {shlex.quote(name)}"
    )


def show_recipe(name: str) -> None:
    """What it is, what its file remarks, every field, and the command that runs it."""
    file, path = recipes.load(name), Path(name) if name.endswith(".toml") else recipes.files()[name]
    print(f"{file.name}, a recipe\n\n{file.about}")
    remarks = recipes.remarks(path)
    if remarks:
        print("\nRemarks in the file:", *remarks, sep="\n  ")
    # as ``default_protocol`` has it, without reading images; those of stacks name theirs
    protocol = file.protocol or (PROTOCOLS.get(file.data, PROTOCOLS["pacgan"]).name if file.data else "the data set's")
    print(f"\nData: {file.data or 'any'}\nVariant: {file.variant or 'any'}\nProtocol: {protocol}\n\nFields:")
    for field, value in dataclasses.asdict(revise(Recipe(), file.recipe)).items():
        print(f"  {field} = {value}" + ("" if field in file.recipe else "  (default)"))
    for variant, part in file.variants.items():
        print(f"For {variant}: {', '.join(f'{field} = {value}' for field, value in part.items())}")
    words = ["zoo run", "" if file.variant else "VARIANT", f"--recipe {name}", "" if file.data else "--data DATA"]
    print(f"\nRun it:\n  {' '.join(filter(None, words))}")


def show_metric(name: str) -> None:
    """What metrics.toml declares; of a plugin's what the listing says."""
    if name not in BY_NAME:
        (about,) = [entry["about"] for entry in listing()["metrics"] if entry["name"] == name]
        function = measures.metrics()[0].get(name)
        better = f"\n\nbetter: {direction(name, function)}" if function else ""
        print(f"{name}, a metric of a plugin\n\n{about}{better}")
        return
    m = BY_NAME[name]
    told = {
        "better": m.better,
        "unit": m.unit,
        "range": m.range,
        "perfect sampler": m.perfect,
        "collapsed sampler": m.collapsed,
        "source": f"{m.paper}: {m.equation}",
        "cost": m.cost,
        "needs": ", ".join(m.needs) or "samples and data",
        "unasked": "yes" if m.default else f"no: zoo eval SAMPLES --data DATA --metrics {name}",
    }
    print(f"{name}, a metric\n\n{m.about}\n")
    print(*(f"{what}: {value}" for what, value in told.items()), sep="\n")
