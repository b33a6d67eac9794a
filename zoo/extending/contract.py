"""What every variant must hold to, ours and yours: ``check(variant)`` finds what is wrong, and says at which line to look.

Networks are tiny and numbers are float64. Each form of the variant (its defaults, and each switch turned) is first played for one seed as
plain Python, where errors are easy to read; then mapped over seeds, then traced, then stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError, briefly
from zoo.extending import blame, plugins
from zoo.extending.blame import Broken
from zoo.extending.claims import forms, is_a_value, refuses_options_out_of_range, says_where_it_comes_from
from zoo.extending.rules import KITS, PLAY, Case
from zoo.variant import Variant


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
        found += _findings(rule.__name__, cls, lambda rule=rule: rule(cls))  # type: ignore[misc]
    if any(f.rule == is_a_value.__name__ for f in found):
        return found
    for form in forms(cls):
        for kit in KITS:
            case = Case(form, kit)
            for step in PLAY:  # each rests on the one before it
                broken = _findings(step.__name__, cls, lambda step=step, case=case: step(case))  # type: ignore[misc]
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


def _findings(rule: str, cls: type[Variant], run: Callable[[], Iterator[Broken] | None]) -> list[Finding]:
    """What a rule finds: what it yields, or the error it ends with, explained."""
    try:
        return [Finding(rule, b.sentence, blame.line(cls, b.at)) for b in run() or ()]
    except Broken as b:
        return [Finding(rule, b.sentence, blame.line(cls, b.at))]
    except Exception as error:  # whatever a stranger's class raises is a finding
        return [Finding(rule, blame.explain(error), blame.culprit(cls, error))]
