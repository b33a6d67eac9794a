"""What a variant says of itself, checked without playing it: a value, with a docstring, a source, and options that have a range."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any

from zoo import recipe
from zoo.errors import ZooError
from zoo.extending.blame import Broken
from zoo.variant import Variant, options


def is_a_value(cls: type[Variant]) -> None:
    """Frozen, comparable, the same players each time: what resuming and sweeping rest on."""
    params = cls.__dict__.get("__dataclass_params__")
    if params is None or not params.frozen:
        raise Broken(f"{cls.__name__} is not a frozen dataclass: write @dataclass(frozen=True) below @register.")
    try:
        first, second = cls(), cls()
    except TypeError as error:
        raise Broken(f"{cls.__name__}() cannot be made: every option needs a default ({error}).") from error
    if first != second:
        raise Broken(
            "Two instances with the same options are not equal, so a run could not be recognised when it is resumed."
        )
    if [p.name for p in first.players()] != [p.name for p in second.players()]:
        raise Broken("players() returns different players at each call.", "players")


def says_where_it_comes_from(cls: type[Variant]) -> Iterator[Broken]:
    """A docstring with the idea in one line and a source; every option explained."""
    doc = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    first = doc.split("\n")[0]
    if not first or first.startswith(f"{cls.__name__}("):  # a dataclass writes its own signature there
        yield Broken("It has no docstring: the idea in one line, the formula, and 'Source:' with the paper's equation.")
    elif not first.endswith("."):
        yield Broken("The docstring's first line is shown in lists: make it one sentence, ending in a full stop.")
    if not doc.partition("Source:")[2].strip():
        yield Broken(
            "The docstring does not say where the formula is from: end it with 'Source: paper, equation' (or 'ours')."
        )
    for field, (_, opt) in options(cls).items():
        if field in recipe.fields():
            yield Broken(
                f"The option '{field}' is named like a field of every recipe: give it a name of its own.", field
            )
        if not opt.help:
            yield Broken(
                f"The option '{field}' is not explained: {field}: Annotated[float, Opt(\"what it is\", 0)] = 1.0.",
                field,
            )


def refuses_options_out_of_range(cls: type[Variant]) -> Iterator[Broken]:
    """Every number has a lower bound; outside its range, of the wrong kind or not finite it is a ``ZooError`` that names the option."""
    for field, (kind, opt) in options(cls).items():
        if kind not in (bool, int, float):
            yield Broken(f"The option '{field}' is of type {kind}; the command line takes bool, int and float.", field)
            continue
        if kind is bool:
            bad: list[object] = ["yes", 1]
        elif max(opt.at_least, opt.above) == -math.inf:
            yield Broken(f"The option '{field}' has no lower bound: Opt(\"...\", at_least=0) or above=0.", field)
            continue
        else:
            lowest = opt.above if opt.above > -math.inf else opt.at_least - 1
            bad = [kind(lowest), float("nan"), "many"]
            bad += [kind(opt.at_most + 1)] if opt.at_most < math.inf else []
        for value in bad:
            try:
                cls(**{field: value})
            except ZooError as error:
                if f"--{field.replace('_', '-')}" not in str(error):
                    yield Broken(
                        f"{field} = {value!r} is refused, but the sentence does not name the option: {error}", field
                    )
            else:
                yield Broken(
                    f"{field} = {value!r} is accepted, out of its range (does __post_init__ call super's?).",
                    "__post_init__",
                )
                break


def forms(cls: type[Variant]) -> list[Variant]:
    """The variant as it is by default, and with each of its switches turned that it allows by itself; counts lowered to 2 for speed."""
    default = cls()
    found = options(cls)
    few = {f: int(max(2, opt.at_least)) for f, (kind, opt) in found.items() if kind is int and getattr(default, f) > 2}

    def made(options: dict[str, Any]) -> list[Variant]:
        """None where the class ties its options to each other."""
        try:
            return [cls(**options)]
        except ZooError:
            return []
        except Exception as error:
            told = ", ".join(f"{name}={value!r}" for name, value in options.items())
            raise ZooError(
                f"{cls.__name__}({told}) raises {type(error).__name__}: {error}; what it refuses is a ZooError."
            ) from error

    few = few if made(few) else {}
    switched = [{field: not getattr(default, field)} for field, (kind, _) in found.items() if kind is bool]
    return [form for options_ in ({}, *switched) for form in made(few | options_)]
