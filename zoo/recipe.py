"""A recipe: everything about a run that is not the method. The method's own options belong to the variant."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any

from zoo.errors import ZooError, briefly, unknown
from zoo.variant import Opt, check, options

MOST = 100_000
"""Evaluations of a run."""


@dataclass(frozen=True)
class Recipe:
    """How long, how wide, how fast. Learning rates fall linearly to 0 over the last ``decay`` of the rounds."""

    rounds: Annotated[int, Opt("rounds (every player takes its turns once a round)", 1, 10**9)] = 4000
    batch: Annotated[int, Opt("samples per batch", 1, 2**24)] = 128
    latent: Annotated[int, Opt("latent dimensions", 1, 2**16)] = 2
    uniform_latent: Annotated[bool, Opt("latents from U(-1, 1) instead of N(0, 1)")] = False
    shared_batch: Annotated[
        bool, Opt("G takes the last batch of D's turns again, as many scripts do, not a fresh one")
    ] = False
    kit: Annotated[str, Opt("networks: mlp, conv, dcgan, resnet, or a published one's name")] = "mlp"
    width: Annotated[int, Opt("units of a hidden layer (mlp), channels (conv, dcgan, metz, resnet)", 1, 2**16)] = 128
    depth: Annotated[int, Opt("hidden layers (mlp)", at_least=1, at_most=16)] = 2
    depth_d: Annotated[
        int,
        Opt("hidden layers of networks that read samples, where they have other than depth (mlp); 0: as many", 0, 16),
    ] = 0
    activation: Annotated[str, Opt("relu, tanh, leaky-relu, elu, silu, softplus (mlp)")] = "relu"
    norm: Annotated[bool, Opt("batch normalisation in the generator")] = False
    standardise: Annotated[bool, Opt("networks see data with mean 0 and standard deviation 1")] = False
    lr_d: Annotated[float, Opt("learning rate of the players that judge", above=0)] = 1e-3
    lr_g: Annotated[float, Opt("learning rate of the players that generate", above=0)] = 1e-3
    decay: Annotated[float, Opt("share of the rounds, at the end, over which the rates fall to 0", 0, 1)] = 0.0
    b1: Annotated[float, Opt("Adam's first-moment decay", 0, 0.9999)] = 0.5
    b2: Annotated[float, Opt("Adam's second-moment decay", 0, 0.99999)] = 0.999
    ema: Annotated[
        float,
        Opt("decay per round of the average of weights that is sampled; 0 samples the weights themselves", 0, 0.99999),
    ] = 0.0
    g_steps: Annotated[int, Opt("turns a round of the players that generate, times the variant's own", 1, 100)] = 1
    every: Annotated[int, Opt("rounds between evaluations; 0 takes a twentieth of the run", at_least=0)] = 0

    def __post_init__(self) -> None:
        for name, (kind, opt) in fields().items():
            if kind is not str:
                object.__setattr__(self, name, check(name, getattr(self, name), kind, opt))
        if self.rounds > MOST * self.interval:
            raise ZooError(
                f"--every {self.every} of {self.rounds:,} rounds is more than {MOST:,} evaluations; take a larger one."
            )

    @property
    def interval(self) -> int:
        """Rounds between evaluations."""
        return self.every or max(1, self.rounds // 20)

    def rate(self, played: int) -> float:
        """The factor on the learning rates after ``played`` rounds."""
        left = self.rounds - played
        return min(1.0, left / (self.decay * self.rounds)) if self.decay else 1.0

    def level(self, played: int) -> bool:
        """Whether all rounds until then had the full rates, as in a longer run."""
        return played == 0 or self.rate(played - 1) == 1.0

    def evaluations(self, played: int = 0) -> list[int]:
        """The rounds after which the run is evaluated, beyond ``played``; the last round always is."""
        every = range(1, math.ceil(self.rounds / self.interval) + 1)
        return [at for i in every if (at := min(i * self.interval, self.rounds)) > played]


def fields() -> dict[str, tuple[type, Opt]]:
    """A recipe's fields: name to its type and ``Opt``."""
    return options(Recipe)


def revise(recipe: Recipe, given: dict[str, Any]) -> Recipe:
    """The recipe with some fields replaced; an unknown field is refused with the nearest one."""
    known = fields()
    for name, value in given.items():
        if name not in known:
            raise unknown("recipe field", name, known)
        if known[name][0] is str and not isinstance(value, str):
            raise ZooError(f"'{name}' of a recipe is text, not {briefly(value)}.")
    return dataclasses.replace(recipe, **given)
