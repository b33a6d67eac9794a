"""What makes runs less comparable than they look: sentences to stand under a table of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.errors import counted
from zoo.runs.rundir import Run
from zoo.statistics import FEW, LEVEL, enough_seeds

if TYPE_CHECKING:
    from zoo.looking.compare import Row

CPU, WALL = "cpu_seconds_per_seed", "seconds_per_seed"
CLOCKS = {CPU: "CPU", WALL: "wall"}
"""The costs that time is told by, in words."""


def clock(runs: Sequence[Run]) -> str:
    """What these runs' time is told by: CPU seconds, which other work on the machine leaves as they are; wall seconds where one ran on a GPU."""
    return CPU if all(run.config.get("kind", "cpu") == "cpu" and CPU in run.cost for run in runs) else WALL


def left_out(unfinished: Sequence[Run]) -> list[str]:
    """The warning that unfinished runs are not in the table."""
    if not unfinished:
        return []
    subject = "1 unfinished run is" if len(unfinished) == 1 else f"{len(unfinished)} unfinished runs are"
    return [f"{subject} left out; zoo run --resume {unfinished[0].path} goes on with the first."]


def few(told: Sequence[str], separator: str) -> str:
    """The first three, and how many more there are."""
    return separator.join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")


def scattered(rows: Sequence[Row]) -> list[str]:
    """The warning that samples of some runs lie between the modes: one near each is enough to cover them."""
    told = few([f"{row.label} ({row.high_quality:.2g})" for row in rows if row.scatters], ", ")
    return (
        [f"Scatters, with a high-quality share below half of the data's: {told}. Modes covered do not show it."]
        if told
        else []
    )


def lost(seeds: Mapping[str, str]) -> list[str]:
    """The warning that these runs have seeds without a number, by label and how many."""
    told = few([f"{label} ({of})" for label, of in seeds.items()], ", ")
    said = "the mean leaves them out, everything else counts them as the worst"
    return [f"Some seeds have no number: {told}; {said}."] if told else []


def cannot_decide(n: int, other: int, comparisons: int, least: float) -> str:
    """That so many seeds against so many others can give no p value below the level, and how many could."""
    among = f" among {comparisons} comparisons" if comparisons > 1 else ""
    enough = enough_seeds(comparisons)
    return (
        f"{counted(n, 'seed')} against {other} cannot decide it{among} "
        f"(the smallest p possible is {least:.2g}; {enough} against {enough} could)"
    )


def undecided(rows: Sequence[Row], base: Row) -> list[str]:
    """The warning that some runs have too few seeds to be told from this one, whatever came out."""
    alike: dict[tuple[int, float], list[str]] = defaultdict(list)
    for row in rows:
        if row.p_least is not None and row.p_least >= LEVEL:
            alike[row.n, row.p_least].append(row.label)
    return [
        f"Whether {base.label} differs from {few(labels, ', ')}: {cannot_decide(n, base.n, len(rows) - 1, least)}."
        for (n, least), labels in alike.items()
    ]


def early(read: Mapping[str, tuple[Run, int]]) -> list[str]:
    """The warning that these runs, by label with the round at which they are read, are read before their rates fell."""
    told = [
        f"{label} (round {at:,} of {run.rounds:,})"
        for label, (run, at) in read.items()
        if run.recipe.get("decay") and at < run.rounds
    ]
    said = "a fair comparison trains anew with so many rounds (--rounds)"
    before = "Read before the learning rates fell to 0, as they do in a run of that length"
    return [f"{before}: {few(told, ', ')}; {said}."] if told else []


def differences(runs: Sequence[Run], named: Sequence[str], equal: str | None) -> list[str]:
    """What differs between runs that a reader would take to be alike."""

    def split(of: Callable[[Run], Any]) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = defaultdict(list)
        for run, label in zip(runs, named, strict=True):
            groups[str(of(run))].append(label)
        return groups

    def told(groups: dict[str, list[str]]) -> str:
        return "; ".join(f"{k}: {few(v, ', ')}" for k, v in groups.items())

    aspects: list[tuple[str, Callable[[Run], Any]]] = [
        ("Numbers of seeds differ", lambda r: len(r.seeds)),
        ("Protocols differ", lambda r: ", ".join(f"{k}={v}" for k, v in r.protocol.items())),
        ("Versions of torch differ", lambda r: (r.config.get("versions") or {}).get("torch")),
    ]
    if equal is None:
        aspects.insert(0, ("Rounds differ", lambda r: r.rounds))
    if any(clock([run]) in run.cost for run in runs):
        aspects.append(("Devices differ, so that seconds do not compare", lambda r: r.config.get("device")))
    found = [f"{name}: {told(groups)}." for name, of in aspects if len(groups := split(of)) > 1]
    if len({len(run.seeds) for run in runs}) == 1 and len({tuple(run.seeds) for run in runs}) > 1:
        found.append("The runs have different seeds.")
    settings = {k for run in runs for k in run.recipe} - {"rounds", "every"}
    differing = sorted(k for k in settings if len({repr(run.recipe.get(k)) for run in runs}) > 1)
    if differing:
        found.append(f"Recipes differ in {', '.join(differing)}.")
    if min(len(run.seeds) for run in runs) < FEW:
        found.append(f"Intervals over fewer than {FEW} seeds say little and are not shown.")
    return found
