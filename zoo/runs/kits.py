"""The kits that recipes name, and which fields of a recipe a run would record without using them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import toy_data
from zoo.errors import unknown
from zoo.nets import dense, images, kits
from zoo.optim import takes_betas
from zoo.recipe import Recipe
from zoo.variant import Kit, Variant


def _standard(source: toy_data.Data) -> tuple[Tensor, Tensor]:
    """The data's mean and standard deviation."""
    return torch.as_tensor(source.mean).float(), torch.as_tensor(source.std).float()


def _mlp(source: toy_data.Data, r: Recipe, kind: type[kits.MLP] = kits.MLP) -> Kit:
    bounded = source.value_range is not None and not r.standardise
    standard = _standard(source) if r.standardise else None
    return kind(source.shape, r.latent, r.width, r.depth, r.activation, bounded, r.norm, standard, r.depth_d)


class KitMaker(NamedTuple):
    """A kit as recipes name it."""

    uses: tuple[str, ...]
    """The recipe's fields of networks (``FIELDS``) that it reads; the rest of them would change nothing."""
    make: Callable[[toy_data.Data, Recipe], Kit]
    counts: str = "hidden units"
    """What its width counts."""


CHANNELS = "channels"
FIELDS = ("width", "depth", "depth_d", "activation", "norm", "standardise")
"""What a recipe says of networks, beside their kit and latents."""
KITS: dict[str, KitMaker] = {
    "mlp": KitMaker(FIELDS, _mlp),
    "conv": KitMaker(("width", "norm"), lambda source, r: kits.Conv(source.shape, r.latent, r.width, r.norm), CHANNELS),
    "orthogonal": KitMaker(FIELDS, lambda source, r: _mlp(source, r, dense.Orthogonal)),
    "small-normal": KitMaker(FIELDS, lambda source, r: _mlp(source, r, dense.SmallNormal)),
    "dcgan": KitMaker(
        ("width", "norm"), lambda source, r: images.DCGAN(source.shape, r.latent, r.width, r.norm), CHANNELS
    ),
    "dcgan-critic": KitMaker(
        ("width", "norm"),
        lambda source, r: images.DCGAN(source.shape, r.latent, r.width, r.norm, norm_d=False),
        CHANNELS,
    ),
    "metz": KitMaker(("width",), lambda source, r: images.Metz(source.shape, r.latent, r.width), CHANNELS),
    "resnet": KitMaker(("width",), lambda source, r: images.ResNet(source.shape, r.latent, r.width), CHANNELS),
    "pacgan": KitMaker((), lambda source, r: dense.pacgan(source.shape, r.latent)),
    "layernorm-784": KitMaker((), lambda source, r: dense.layernorm_784(source.shape, r.latent)),
    "layernorm-784-mse": KitMaker((), lambda source, r: dense.layernorm_784(source.shape, r.latent, nn.Sigmoid)),
    "keras-dense": KitMaker((), lambda source, r: dense.keras_dense(source.shape, r.latent)),
    "dropout-1024": KitMaker((), lambda source, r: dense.dropout_1024(source.shape, r.latent)),
    "relu-512": KitMaker((), lambda source, r: dense.relu_512(source.shape, r.latent)),
}
"""Name of a kit in a recipe to the kit for data of one shape."""


def _named(kit: str) -> KitMaker:
    if kit not in KITS:
        raise unknown("kit", kit, KITS)
    return KITS[kit]


def kit_for(source: toy_data.Data, recipe: Recipe) -> Kit:
    """The kit that the recipe names, for this data's shape."""
    return _named(recipe.kit).make(source, recipe)


def width_unsaid(whole: Recipe, changes: Mapping[str, Any]) -> bool:
    """Whether changes to a recipe name a kit whose width counts something else, and no width: 256 units are few, 256 channels 20 GB."""
    before, after = _named(whole.kit), _named(changes.get("kit", whole.kit))
    return "width" not in changes and "width" in after.uses and before.counts != after.counts


def idle(made: Variant, kit: str, names: Iterable[str]) -> dict[str, str]:
    """Those of these fields of a recipe that would be recorded and change nothing, and why; a recipe file may hold them, for others."""
    uses, found = _named(kit).uses, {}
    told = f"uses {' and '.join(uses)}" if uses else "has fixed sizes"
    for name in names:
        if name in FIELDS and name not in uses:
            found[name] = (
                f"The kit '{kit}' does not use '{name}': of a recipe's fields for networks it {told}; leave it out."
            )
        if name == "shared_batch" and made.simultaneous:
            found[name] = f"{made.name} moves all its players at once, on one batch; leave --shared-batch out."
        if name in ("b1", "b2") and not any(takes_betas(p.optimiser) for p in made.players()):
            found[name] = f"{made.name} has an optimiser of its own, which takes no --b1 and --b2; leave them out."
    return found
