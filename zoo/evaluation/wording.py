"""A verdict in words: of one seed, of several that ended alike, of samples whose generator is not known.

What is told is a template: the words of ``_ONE`` stand in it with a ``$``, since they depend on whom it is told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

_VERBS = ("cover", "scatter", "oscillate", "memorise")
_ONE = {f"{verb}s": f"{verb}s" for verb in _VERBS} | {
    "dropped": "dropped",
    "its": "its",
    "its_samples": "its samples",
    "modes_are": "modes",
}
_SEVERAL = _ONE | {f"{verb}s": verb for verb in _VERBS} | {"its": "their", "its_samples": "their samples"}


@dataclass(frozen=True)
class Verdict:
    """One seed's faults (names from ``zoo.evaluation.verdict.FAULTS``, in order), and what is told of it, part by part."""

    seed: int
    faults: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is told of this seed."""
        return _sentence(self.told, _ONE)


def describe(found: Sequence[Verdict]) -> list[str]:
    """The run's verdict: seeds that ended alike share a line, the most frequent first."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for v in found:
        groups.setdefault(v.told, []).append(v.seed)
    ordered = sorted(groups.items(), key=lambda g: -len(g[1]))
    told = ((seeds, _sentence(parts, _SEVERAL if len(seeds) > 1 else _ONE)) for parts, seeds in ordered)
    return [f"{_seeds(seeds, len(found))} {sentence}" for seeds, sentence in told]


def of_samples(verdict: Verdict) -> str:
    """What is told of a seed, said of samples whose generator is not known."""
    first, *rest = verdict.told
    said = _sentence([Template(first).substitute(_these("the samples")), *rest], _these("they"))
    return said[0].upper() + said[1:]


def _these(subject: str) -> dict[str, str]:
    """The words of such samples, which are the subject: called the samples, and from then on they."""
    verbs = {f"{verb}s": f"{subject} {verb}" for verb in _VERBS} | {"dropped": f"{subject} miss"}
    return verbs | {"its": "their", "its_samples": "them", "modes_are": "their modes are"}


def _sentence(told: Sequence[str], words: dict[str, str]) -> str:
    return "; ".join(Template(part).substitute(words) for part in told) + "."


def _seeds(seeds: list[int], total: int) -> str:
    if len(seeds) == total and total > 1:
        return "Both seeds:" if total == 2 else f"All {total} seeds:"
    return f"Seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}:"
