"""A cell: what a run is of. Names and settings are checked here, before anything is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import toy_data
from baselines import recipes
from zoo import variants
from zoo.errors import ZooError, unknown
from zoo.evaluation.evaluate import default_protocol
from zoo.metrics.modes import PROTOCOLS, Protocol
from zoo.nets import dense, images, kits
from zoo.recipe import Recipe, revise
from zoo.variant import Kit, Variant, make
from zoo.variant import options as options_of

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


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

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"seeds": list(self.seeds)}

    @property
    def key(self) -> str:
        """Short hash of everything that decides the result."""
        matters = {k: v for k, v in self.as_dict().items() if k not in ("recipe_name", "data_root")}
        return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()[:10]

    @property
    def place(self) -> Path:
        """DATA/VARIANT, as folders."""
        data = Path(self.data).stem if self.data.endswith(".npz") else self.data.replace(":", "-").replace("/", "-")
        return Path(data) / self.variant

    def build(self) -> Variant:
        return make(variants.load(self.variant), self.options)


def parse_seeds(text: str | int | Sequence[int]) -> tuple[int, ...]:
    """8 -> seeds 0 to 7; "0-7" -> the same; "3,5" -> those two. ``ZooError`` otherwise."""
    try:
        if not isinstance(text, str | int):
            seeds = tuple(int(s) for s in text if int(s) == s)
            seeds = seeds if len(seeds) == len(text) else ()
        elif "," in str(text):
            seeds = tuple(int(s) for s in str(text).split(","))
        elif "-" in str(text).lstrip("-"):
            first, last = (int(s) for s in str(text).split("-"))
            seeds = tuple(range(first, last + 1))
        else:
            seeds = tuple(range(int(text)))
    except (TypeError, ValueError):
        seeds = ()
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ZooError(f"--seeds takes how many (8), a range (0-7) or a list (3,5) of different seeds, not '{text}'.")
    return seeds


def plan(
    variant: str | None,
    options: dict[str, Any] | None = None,
    *,
    data: str | None = None,
    recipe: str | None = None,
    changes: dict[str, Any] | None = None,
    seeds: str | int | Sequence[int] = 8,
    protocol: str | None = None,
    data_root: str | None = None,
) -> Cell:
    """Names and settings to a cell; everything is checked here, before anything is written.

    Later wins: defaults, the recipe file, its part for the variant (options and fields of the recipe alike), ``options`` and ``changes``.
    """
    file = recipes.load(recipe) if recipe else None
    variant = variant or (file.variant if file else None)
    if variant is None:
        raise ZooError("Which variant? `zoo list variants` shows them; for example: zoo run unrolled --k 5.")
    data = data or (file.data if file else None) or "ring"
    kind = variants.load(variant)
    make(kind, options or {})  # what was asked for is checked before data are read
    source = toy_data.load(data, data_root)
    file = file or recipes.default_for(data, image=len(source.shape) == 3)
    part = file.variants.get(variant, {})
    own = {name: value for name, value in part.items() if name in options_of(kind)}
    made = make(kind, own | (options or {}))
    protocol = protocol or file.protocol or default_protocol(source).name
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    settings = revise(Recipe(), file.recipe | {k: v for k, v in part.items() if k not in own})
    changes = changes or {}
    if changes.get("rounds", settings.rounds) < settings.rounds and "every" not in changes:
        # a long run's interval would leave a shortened one with hardly an evaluation
        settings = revise(settings, {"every": min(settings.every, max(1, changes["rounds"] // 20))})
    settings = revise(settings, changes)
    cell = Cell(
        variant,
        asdict(made),
        data,
        settings,
        parse_seeds(seeds),
        PROTOCOLS[protocol],
        file.name,
        data_root,
    )
    if made.simultaneous and settings.g_steps > 1:
        raise ZooError(f"{variant} moves all its players at once, so --g-steps cannot be {settings.g_steps}.")
    if settings.batch < made.smallest_batch:
        raise ZooError(
            f"{variant} needs batches of {made.smallest_batch} samples or more, not --batch {settings.batch}."
        )
    nets = made.nets(kit_for(source, settings))  # a kit that does not fit the data or the variant is refused now
    if settings.batch == 1 and any(isinstance(m, BATCH_NORMS) for net in nets.values() for m in net.modules()):
        raise ZooError("--batch 1 leaves batch normalisation nothing to normalise over; take 2 or more.")
    return cell


def _standard(source: toy_data.Data) -> tuple[Tensor, Tensor]:
    """The data's mean and standard deviation."""
    return torch.as_tensor(source.mean).float(), torch.as_tensor(source.std).float()


def _mlp(source: toy_data.Data, r: Recipe, kind: type[kits.MLP] = kits.MLP) -> Kit:
    bounded = source.value_range is not None and not r.standardise
    standard = _standard(source) if r.standardise else None
    return kind(source.shape, r.latent, r.width, r.depth, r.activation, bounded, r.norm, standard, r.depth_d)


KITS: dict[str, Callable[[toy_data.Data, Recipe], Kit]] = {
    "mlp": _mlp,
    "conv": lambda source, r: kits.Conv(source.shape, r.latent, r.width, r.norm),
    "orthogonal": lambda source, r: _mlp(source, r, dense.Orthogonal),
    "dcgan": lambda source, r: images.DCGAN(source.shape, r.latent, r.width, r.norm),
    "dcgan-critic": lambda source, r: images.DCGAN(source.shape, r.latent, r.width, r.norm, norm_d=False),
    "metz": lambda source, r: images.Metz(source.shape, r.latent, r.width),
    "resnet": lambda source, r: images.ResNet(source.shape, r.latent, r.width),
    "pacgan": lambda source, r: dense.pacgan(source.shape, r.latent),
    "layernorm-784": lambda source, r: dense.layernorm_784(source.shape, r.latent),
    "layernorm-784-mse": lambda source, r: dense.layernorm_784(source.shape, r.latent, nn.Sigmoid),
    "keras-dense": lambda source, r: dense.keras_dense(source.shape, r.latent),
    "dropout-1024": lambda source, r: dense.dropout_1024(source.shape, r.latent),
    "relu-512": lambda source, r: dense.relu_512(source.shape, r.latent),
}
"""Name of a kit in a recipe to the kit for data of one shape."""


def kit_for(source: toy_data.Data, recipe: Recipe) -> Kit:
    """The kit that the recipe names, for this data's shape."""
    if recipe.kit not in KITS:
        raise unknown("kit", recipe.kit, KITS)
    return KITS[recipe.kit](source, recipe)


def read_cell(folder: Path) -> Cell:
    """The cell that a folder's config.json describes."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        known = {k: config[k] for k in ("variant", "options", "data", "recipe_name", "data_root")}
        recipe, protocol = revise(Recipe(), config["recipe"]), replace(Protocol(), **config["protocol"])
        return Cell(**known, recipe=recipe, seeds=tuple(config["seeds"]), protocol=protocol)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{folder} is not a run directory: its config.json cannot be read ({error}).") from error


class Start(NamedTuple):
    """How a run began: on a device of which kind, with a compiled round or not, with TF32 or not, in how many groups of seeds."""

    kind: str
    compiled: bool
    tf32: bool
    groups: int | None


def read_start(folder: Path) -> Start:
    """How the run in ``folder`` began; older ones do not say all of it."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind, compiled, tf32 = config.get("kind", "cpu"), config.get("compiled"), config.get("tf32")
    return Start(kind, bool(compiled), bool(tf32), config.get("groups"))
