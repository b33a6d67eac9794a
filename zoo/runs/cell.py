"""A cell: what a run is of. Names and settings are checked here, before anything is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from torch import nn

import toy_data
from baselines import recipes
from toy_data.registry import HERE
from zoo import variants
from zoo.errors import ZooError, briefly
from zoo.evaluation.evaluate import protocol_named
from zoo.extending import blame
from zoo.metrics.modes import Protocol
from zoo.recipe import Recipe, revise
from zoo.runs.kits import KITS, idle, kit_for, width_unsaid
from zoo.runs.naming import data_folder, path_of, source_of
from zoo.runs.rundir import CONFIG, read_json, read_whole
from zoo.runs.settings import of_variant, settled
from zoo.variant import Variant, make, sketch

Load: TypeAlias = Callable[[str, str | None], toy_data.Data]
"""A data set by its name and the folder of image data."""
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
MOST = 10_000
"""Seeds of one run: what is asked of all at once, such as an evaluation, takes minutes with more, in which Ctrl-C is not heard."""
LARGEST = 2**53
"""The largest seed: a float64, which metrics.csv is read as, is every whole number up to there, and beyond takes two seeds for one."""


@dataclass(frozen=True)
class Cell:
    """What a run is of: a variant with its options, on one data set, under one recipe and protocol, for some seeds."""

    variant: str
    options: dict[str, Any]
    data: str
    recipe: Recipe
    seeds: tuple[int, ...]
    protocol: Protocol
    recipe_name: str
    data_root: str | None = None
    fingerprint: str | None = None
    """What data of the user's own files held: the same name may hold others tomorrow. None for the zoo's, whose names say it."""
    data_path: str | None = None
    """Where the user's own file of ``data`` was, from whatever folder it was named; no part of the key, which a command of old finds again."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"seeds": list(self.seeds)}

    @property
    def key(self) -> str:
        """Short hash of everything that decides the result on one kind of device; but for the last digits, which follow the engine and TF32 too."""
        matters = {k: v for k, v in self.as_dict().items() if k not in ("recipe_name", "data_root", "data_path")}
        if self.fingerprint is None:
            del matters["fingerprint"]
        return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()[:10]

    @property
    def source(self) -> str:
        """What the data are loaded by."""
        return source_of(self.data, self.data_path)

    @property
    def place(self) -> Path:
        """DATA/VARIANT, as folders."""
        return Path(data_folder(self.data)) / self.variant

    def build(self) -> Variant:
        return make(variants.load(self.variant), self.options)


def parse_seeds(text: str | int | Sequence[int]) -> tuple[int, ...]:
    """8 -> seeds 0 to 7; "0-7" -> the same; "3,5" -> those two. ``ZooError`` otherwise."""
    seeds: Sequence[int]
    if isinstance(text, Integral) and not isinstance(text, bool):
        text = int(text)  # of NumPy too
    try:
        if isinstance(text, bool):
            seeds = ()
        elif not isinstance(text, str | int):
            seeds = tuple(int(s) for s in text if int(s) == s and not isinstance(s, bool))
            seeds = seeds if len(seeds) == len(text) else ()
        elif "," in str(text):
            seeds = tuple(int(s) for s in str(text).split(","))
        elif "-" in str(text).lstrip("-"):
            first, last = (int(s) for s in str(text).split("-"))
            seeds = range(first, last + 1)
        else:
            seeds = range(int(text))
    except (TypeError, ValueError, OverflowError):
        seeds = ()
    if seeds[MOST:]:  # of a range no more than its ends exists so far
        raise ZooError(f"At most {MOST:,} seeds train side by side, not {briefly(text)}.")
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ZooError(
            f"seeds are how many (8), a range (0-7) or a list (3,5) of different seeds, not {briefly(text)}."
        )
    if max(seeds) > LARGEST:
        raise ZooError(f"The largest seed is {LARGEST}; {max(seeds)} is above it.")
    return tuple(seeds)


def plan(
    variant: str | None,
    options: dict[str, Any] | None = None,
    *,
    data: str | Path | None = None,
    recipe: str | Path | None = None,
    changes: dict[str, Any] | None = None,
    seeds: str | int | Sequence[int] = 8,
    protocol: str | None = None,
    data_root: str | Path | None = None,
    load: Load = toy_data.load,
) -> Cell:
    """Names and settings to a cell; everything is checked here, before anything is written.

    Later wins: defaults, the recipe file, its part for the variant (options and fields of the recipe alike), ``options`` and ``changes``.
    A ``load`` that remembers what it read serves many cells.
    """
    _are_names({"variant": variant, "protocol": protocol}, str)
    _are_names({"data": data, "recipe": recipe, "data_root": data_root}, str | Path)
    data, recipe = (None if name is None else str(name) for name in (data, recipe))
    data_root = str(Path(data_root).absolute()) if data_root else None  # the run may be opened from elsewhere
    file = recipes.load(recipe) if recipe else None
    variant = variant or (file.variant if file else None)
    if variant is None:
        raise ZooError("Which variant? `zoo list variants` shows them; for example: zoo run unrolled --k 5.")
    data = data or (file.data if file else None) or "ring"
    kind = variants.load(variant)
    make(kind, options or {})  # what was asked for is checked before data are read
    source = load(data, data_root)
    file = file or recipes.default_for(data, image=len(source.shape) == 3)
    made = make(kind, of_variant(file, variant) | (options or {}))
    counted = protocol_named(protocol or file.protocol, source)
    changes = changes or {}
    settings = settled(file, variant, changes)
    for why in idle(made, settings.kit, [k for k, v in changes.items() if v is not False]).values():
        raise ZooError(why)
    cell = Cell(
        variant=variant,
        options=asdict(made),
        data=data,
        recipe=settings,
        seeds=parse_seeds(seeds),
        protocol=counted,
        recipe_name=file.name,
        data_root=data_root,
        fingerprint=source.fingerprint() if path_of(data) or data in HERE else None,
        data_path=path_of(data),
    )
    _fits(made, settings, source)
    if width_unsaid(whole := settled(file, variant, {}), changes):
        raise ZooError(
            f"The kit '{settings.kit}' has {KITS[settings.kit].counts} for its width, and {whole.width} are the {KITS[whole.kit].counts} of "
            f"'{whole.kit}': give a --width too, of 16 to 64 for instance."
        )
    return cell


def _are_names(given: Mapping[str, Any], kind: Any) -> None:
    """``ZooError`` for what is neither of this kind nor left out."""
    for what, name in given.items():
        if not isinstance(name, kind | None):
            more = "; data of your own by that of a file: numpy.savez('mine.npz', samples=x)" if what == "data" else ""
            raise ZooError(f"'{what}' is given by its name, as text, not by {briefly(name)}{more}.")


def _fits(made: Variant, settings: Recipe, source: toy_data.Data) -> None:
    """``ZooError`` where a variant cannot play by this recipe, or on this data."""
    if made.simultaneous and settings.g_steps > 1:
        raise ZooError(f"{made.name} moves all its players at once, so --g-steps cannot be {settings.g_steps}.")
    if made.normal_latent and settings.uniform_latent:
        raise ZooError(f"{made.name} needs latents from N(0, 1); leave --uniform-latent out.")
    if settings.batch < made.smallest_batch:
        raise ZooError(
            f"{made.name} needs batches of {made.smallest_batch} samples or more, not --batch {settings.batch}."
        )
    kit = kit_for(source, settings)
    with blame.in_words(type(made)):
        nets = sketch(made, kit)  # a kit that does not fit the data or the variant is refused now
        made.players()  # and so is a variant that cannot say who plays
    least = 2 * made.smallest_batch  # packs and halves of a batch are normalised by themselves
    if settings.batch < least and any(isinstance(m, BATCH_NORMS) for net in nets.values() for m in net.modules()):
        raise ZooError(
            f"--batch {settings.batch} can leave batch normalisation nothing to normalise over; take {least} or more."
        )


def variant_of(folder: Path, config: Mapping[str, Any]) -> type[Variant]:
    """The class of the variant that the config.json of ``folder`` names.

    Where a file of the user's brought it, or its data, the config says which; it is loaded for nobody but who gives it with --plugin, since
    a run's folder may come from a stranger, and loading a file runs it.
    """
    for what, name, key, known in (
        ("variant", config["variant"], "plugin", variants.names()),
        ("data set", config["data"], "data_plugin", toy_data.catalogue()),
    ):
        if key in config and name not in known:
            raise ZooError(_of_a_file(f"The {what} '{name}' of the run in {folder}", config[key]))
    return variants.load(config["variant"])


def _of_a_file(told: str, file: str | None) -> str:
    """What to do about something that stands in a file of the user's, or (None) stood in a notebook."""
    if file is None:
        return f"{told} was registered in a notebook; write it to a file of its own, and give that with --plugin FILE."
    if Path(file).is_file():
        return f"{told} comes from the file {file}: look at it, and give it with --plugin {file}."
    told = f"{told} comes from the file {file}, which is not there any more"
    return f"{told}; give the file where it is now with --plugin FILE."


def read_cell(folder: Path) -> Cell:
    """The cell that a folder's config.json describes."""
    if not (folder / CONFIG).exists():
        raise ZooError(f"{folder} is not a run directory: it has no {CONFIG}.")
    config = read_whole(folder / CONFIG)
    try:
        known = {k: config[k] for k in ("variant", "options", "data", "recipe_name", "data_root")}
        recipe, protocol = revise(Recipe(), config["recipe"]), replace(Protocol(), **config["protocol"])
        known |= {k: config.get(k) for k in ("fingerprint", "data_path")}  # older ones do not say
        cell = Cell(**known, recipe=recipe, seeds=tuple(config["seeds"]), protocol=protocol)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ZooError(f"{folder} is not a run directory: its {CONFIG} describes no run ({error}).") from error
    variant_of(folder, config)
    return cell


class Start(NamedTuple):
    """How a run began: on a device of which kind, with a compiled round or not, with TF32 or not, in how many groups of seeds."""

    kind: str
    compiled: bool
    tf32: bool
    groups: int | None


def read_start(folder: Path) -> Start:
    """How the run in ``folder`` began; older ones do not say all of it."""
    config = read_json(folder / CONFIG)
    kind, compiled, tf32 = config.get("kind", "cpu"), config.get("compiled"), config.get("tf32")
    return Start(kind, bool(compiled), bool(tf32), config.get("groups"))
