"""What every variant must hold to, ours and yours: ``check(variant)`` finds what is wrong, and says at which line to look.

Networks are tiny and numbers are float64. Each form of the variant (its defaults, and each switch turned) is first played for one seed as
plain Python, where errors are easy to read; then mapped over seeds, then traced, then stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from zoo.errors import ZooError, briefly
from zoo.extending import blame, plugins
from zoo.extending.blame import Broken
from zoo.extending.claims import forms, is_a_value, refuses_options_out_of_range, says_where_it_comes_from
from zoo.extending.rules import KITS, PLAY, Case
from zoo.variant import Variant

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the rule it breaks, a sentence, and ``FILE:LINE: the line`` to look at."""

    rule: str
    sentence: str
    where: str

    def __str__(self) -> str:
        return f"{self.sentence}\n    {self.where}"


def check(variant: str | Path | type[Variant]) -> list[Finding]:
    """Everything that is wrong with a variant, by its name, its class or its file (of all in it); an empty list when it holds to the contract.

    Raises ``ZooError`` for an unknown name, and for what is no variant at all.
    """
    if str(variant).endswith(".py"):
        return [finding for name in plugins.variants_of(str(variant)) for finding in check(name)]
    cls = _resolve(variant)
    found: list[Finding] = []
    for rule in (is_a_value, says_where_it_comes_from, refuses_options_out_of_range):
        found += _findings(rule, cls, cls)
    if any(f.rule == is_a_value.__name__ for f in found):
        return found
    for form in forms(cls):
        for kit in KITS:
            case = Case(form, kit)
            for step in PLAY:  # each rests on the one before it
                broken = _findings(step, cls, case)
                found += [f for f in broken if (f.rule, f.where) not in {(g.rule, g.where) for g in found}]
                if broken:
                    break
    return found


def _resolve(variant: str | Path | type[Variant]) -> type[Variant]:
    if isinstance(variant, str):
        from zoo import variants

        return variants.load(variant)
    if not (isinstance(variant, type) and issubclass(variant, Variant)):
        raise ZooError(
            f"{briefly(variant)} is no variant: give its name, its file, or a class that inherits from zoo.Variant or zoo.GAN."
        )
    return variant


def _findings(rule: Callable[[T], Iterator[Broken] | None], cls: type[Variant], subject: T) -> list[Finding]:
    """What a rule finds in its subject: what it yields, or the error it ends with, explained."""
    name = rule.__name__
    try:
        return [Finding(name, b.sentence, blame.line(cls, b.at)) for b in rule(subject) or ()]
    except Broken as b:
        return [Finding(name, b.sentence, blame.line(cls, b.at))]
    except Exception as error:  # whatever a stranger's class raises is a finding
        return [Finding(name, blame.explain(error), blame.culprit(cls, error))]
