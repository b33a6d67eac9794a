"""What runs are called beside each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from zoo.runs.naming import MARK, data_name, short
from zoo.runs.rundir import Run


def by_data(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each data set by its name; where files of one name held other data, the name ends in the beginning of their fingerprint."""
    held, found = defaultdict[str, set[str | None]](set), defaultdict[str, list[Run]](list)
    for run in runs:
        held[data_name(run.data)].add(run.fingerprint)
    for run in runs:
        mark = run.fingerprint[:MARK] if run.fingerprint else "unknown"
        found[f"{run.data} ({mark})" if len(held[data_name(run.data)]) > 1 else run.data].append(run)
    return found


def labels(runs: Sequence[Run]) -> list[str]:
    """A name for each run, short and distinct: its label, and the recipe, its fields, or the end of its path that tell equal labels apart."""
    twins: dict[tuple[str, str], list[Run]] = defaultdict(list)
    alike: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for run in runs:
        twins[run.data, run.label].append(run)

    def told(run: Run) -> str:
        equal, recipe = twins[run.data, run.label], run.config.get("recipe_name")
        named = recipe and any(other.config.get("recipe_name") != recipe for other in equal)
        equal = [other for other in equal if other.config.get("recipe_name") == recipe] if named else equal
        words = [f"{k}={short(run.recipe.get(k))}" for k in _telling(equal)]
        return " ".join([run.label, *([f"({recipe})"] if named else []), *words])

    names = [told(run) for run in runs]
    for run, name in zip(runs, names, strict=True):
        alike[run.data, name].append(run.path)

    def told_apart(run: Run, name: str) -> str:
        paths = alike[run.data, name]
        return f"{name} ({Path(*run.path.parts[-_depth(paths) :])})" if len(paths) > 1 else name

    return [told_apart(run, name) for run, name in zip(runs, names, strict=True)]


def _depth(paths: Sequence[Path]) -> int:
    """How many of their last parts tell these paths apart."""
    different, most = len(set(paths)), max(len(path.parts) for path in paths)
    return next(n for n in range(1, most + 1) if len({path.parts[-n:] for path in paths}) == different)


def _telling(runs: Sequence[Run]) -> list[str]:
    """As few fields of the recipe as tell apart what all of them do: each tells something that those before it do not."""
    fields: list[str] = []
    told = 1
    for name in runs[0].recipe:
        now = len({repr([run.recipe.get(k) for k in (*fields, name)]) for run in runs})
        if now > told:
            fields, told = [*fields, name], now
    return fields
