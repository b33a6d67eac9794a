"""What a variant is: a frozen dataclass whose fields are its hyperparameters, and the registry of them all.

A variant says three things: ``nets(kit)`` names its networks, ``players()`` says who moves what to lower which loss, and
``sample(nets, z)`` generates. Everything else (seeds, devices, batches, evaluation, tracking) is the harness's.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor, nn

from zoo import losses
from zoo.errors import ZooError, briefly, unknown
from zoo.game import Batch, Nets, Player


class Kit(Protocol):
    """Builds networks for data of one shape; the recipe chooses which kit, and how wide and deep."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    @property
    def latent(self) -> int:
        """Latent dimensions."""

    @property
    def features(self) -> int:
        """How many features ``trunk`` gives."""

    def generator(self, latent: int | None = None) -> nn.Module:
        """Latents ``[B, latent]`` to samples ``[B, *shape]``."""

    def generator_trunk(self, latent: int | None = None) -> nn.Module:
        """All but the last layer of a generator."""

    def generator_head(self) -> nn.Module:
        """The last layer of a generator: its trunk's output to samples."""

    def trunk(self) -> nn.Module:
        """Samples to features ``[B, features]``: a discriminator without its last layer."""

    def discriminator(self, out: int = 1) -> nn.Module:
        """Samples to ``[B, out]``."""

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        """A linear layer with this kit's initialisation."""

    def packed(self, m: int) -> Kit:
        """This kit for m samples joined along their first axis."""


@dataclass(frozen=True)
class Opt:
    """What a hyperparameter's annotation carries: help for the command line, its allowed range, and where its default is from."""

    help: str
    at_least: float = -math.inf
    at_most: float = math.inf
    above: float = -math.inf
    source: str = ""


@dataclass(frozen=True)
class Variant:
    """Base of all variants. Out-of-range hyperparameters raise ``ZooError``."""

    name: ClassVar[str] = ""
    family: ClassVar[str] = ""
    equilibrium: ClassVar[Mapping[str, float]] = {}
    """Players' losses where D cannot tell real from fake, as far as they are known: lines in the loss plot."""

    def __post_init__(self) -> None:
        for field_name, (kind, opt) in options(type(self)).items():
            object.__setattr__(self, field_name, check(field_name, getattr(self, field_name), kind, opt))

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        """The networks, by the paper's letters."""
        raise _undefined(self, "nets(self, kit)", "its networks by name")

    def begin(self, nets: Mapping[str, nn.Module], x: Tensor) -> None:
        """Set what starts from data, in place, before the first round: ``x [B, *data]`` is a batch of real samples. Nothing for most."""

    def players(self) -> tuple[Player, ...]:
        """Who moves, in turn order."""
        raise _undefined(self, "players(self)", "who moves what to lower which loss")

    def sample(self, nets: Nets, z: Tensor) -> Tensor:
        """Samples ``[B, *data]`` for latents ``[B, z]``."""
        return nets.G(z)

    def latent(self, kit: Kit) -> int:
        """Dimensions of the latents that batches and ``sample`` get: the kit's, unless the method fixes them."""
        return kit.latent

    def origin(self, n: int) -> Tensor | None:
        """Which generator makes each of ``n`` samples ``[n]``; ``None`` where there is only one."""
        return None

    def diagnostics(self, nets: Nets, batch: Batch) -> dict[str, Tensor]:
        """Numbers of one seed that evaluations keep beside the losses; none unless a variant has some (``losses.discriminator_accuracy``)."""
        return {}

    @property
    def smallest_batch(self) -> int:
        """Samples that a batch must have at least for the losses to be defined."""
        return 1

    @property
    def normal_latent(self) -> bool:
        """Whether a formula rests on latents from N(0, 1), so that others are refused."""
        return False

    @property
    def simultaneous(self) -> bool:
        """Whether all players move at once from the same point, on the same batch, instead of taking turns on fresh ones."""
        return False

    def uniforms(self, kit: Kit) -> int:
        """How many U(0, 1) numbers a loss needs per sample (the columns of ``batch.u``): the kit knows the data's shape and the latents."""
        return 1


def _undefined(variant: Variant, method: str, what: str) -> ZooError:
    return ZooError(f"{type(variant).__name__} defines no {method}: {what}.")


@dataclass(frozen=True)
class GAN(Variant):
    """A generator G against a discriminator D of one logit; subclasses override the formula that differs."""

    def nets(self, kit: Kit) -> dict[str, nn.Module]:
        return {"G": kit.generator(), "D": kit.discriminator()}

    def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
        """-E log D(x) - E log(1 - D(G(z))), with D the sigmoid of the logit."""
        return losses.real(nets.D(batch.x)) + losses.fake(nets.D(self.sample(nets, batch.z)))

    def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
        """What G lowers."""
        raise _undefined(
            self, "g_loss(self, nets, batch)", "what G lowers, such as losses.real(nets.D(nets.G(batch.z)))"
        )

    def done(self, nets: Nets, steps: int) -> Tensor:
        """How much of a schedule of ``steps`` steps of D is over: 0 at the start, 1 from its end on."""
        return (nets.state["D"]["D"]["t"] / steps).clamp(max=1)

    @property
    def discriminator(self) -> Player:
        return Player("D", owns="D", loss=self.d_loss)

    @property
    def generator(self) -> Player:
        return Player("G", owns="G", loss=self.g_loss)

    def players(self) -> tuple[Player, ...]:
        return self.discriminator, self.generator


V = TypeVar("V", bound=type[Variant])
REGISTRY: dict[str, type[Variant]] = {}


def register(name: str, family: str = "other") -> Callable[[V], V]:
    """Class decorator: the variant's name on the command line, and the family it is listed with. A taken name is refused (``ZooError``)."""

    def keep(cls: V) -> V:
        held = REGISTRY.get(name)
        if held and (held.__module__, held.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ZooError(f"There is already a variant '{name}' ({held.__module__}); choose another name.")
        cls.name, cls.family = name, family
        REGISTRY[name] = cls
        return cls

    return keep


def options(cls: type[Any]) -> dict[str, tuple[type, Opt]]:
    """A variant's hyperparameters, or another dataclass's fields: field name to its type and ``Opt``."""
    found = {}
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        if typing.get_origin(hint) is not ClassVar and name in cls.__dataclass_fields__:
            kind, *extras = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
            found[name] = (kind, next((e for e in extras if isinstance(e, Opt)), Opt("")))
    return found


def check(name: str, value: Any, kind: type, opt: Opt) -> Any:
    """``value`` as Python's own number of ``kind`` (NumPy's serve too); ``ZooError`` unless it is such a one, within ``opt``'s range."""
    flag = f"--{name.replace('_', '-')}"
    if kind not in (bool, int, float):
        raise ZooError(
            f"{flag} is declared as {getattr(kind, '__name__', kind)}; an option is a bool, an int or a float."
        )
    if kind is bool:
        if not isinstance(value, bool):
            raise ZooError(f"{flag} is a switch: true or false, not {briefly(value)}.")
        return value
    is_number = isinstance(value, Real if kind is float else Integral) and not isinstance(value, bool)
    if not is_number:
        raise ZooError(f"{flag} takes {'a number' if kind is float else 'a whole number'}, not {briefly(value)}.")
    try:
        value = kind(value)  # 10 and 10.0 are the same setting, and must not be recorded as two
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise ZooError(f"{flag} must be a finite number, not {briefly(value)}.")
    if value < opt.at_least:
        raise ZooError(f"{flag} must be at least {opt.at_least:,.12g}, not {value}.")
    if value <= opt.above:
        raise ZooError(f"{flag} must be above {opt.above:,.12g}, not {value}.")
    if value > opt.at_most:
        raise ZooError(f"{flag} must be at most {opt.at_most:,.12g}, not {value}.")
    return value


def sketch(variant: Variant, kit: Kit) -> dict[str, nn.Module]:
    """The networks of ``variant`` without memory for their weights (with it, where making them needs numbers); ``ZooError`` as ``nets``."""
    try:
        with torch.device("meta"):
            return variant.nets(kit)
    except ZooError:
        raise
    except Exception:  # whoever computes with weights while making them
        return variant.nets(kit)


def make(cls: type[Variant], given: dict[str, Any]) -> Variant:
    """The variant with these options; an option that it does not have is refused with the nearest one."""
    known = [f.name for f in dataclasses.fields(cls)]
    for name in given:
        if name not in known:
            raise (
                unknown("option", name, known, f"of {cls.name}")
                if known
                else ZooError(f"{cls.name} has no options, so '{name}' is not one.")
            )
    return cls(**given)
