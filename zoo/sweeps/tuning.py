"""Every method tuned with the same budget, then judged on seeds that no trial has seen.

Five trials each: four pairs of rates, or, where a method's own strength matters as much as its rates, two pairs of rates by what the
recipe gives it and one alternative (``baselines.spaces``, or yours); then a D ten times slower than the recipe's own. A trial is the whole
recipe on a few seeds: shorter ones choose fast rates, which win early and lose later. The best has the highest mean over seeds of a
``Merit``; it alone meets the seeds that judge.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import baselines
import toy_data
from baselines.samplers import REFERENCE
from baselines.spaces import JUDGED, OTHERS, RATES, SLOW, SPACES, TRIED
from zoo import recipe, variants
from zoo.errors import ZooError, unknown
from zoo.evaluation import scoring
from zoo.files import write_text
from zoo.runs.cell import Cell, Load, parse_seeds, plan
from zoo.runs.naming import data_folder, words
from zoo.runs.rundir import CONFIG, SUMMARY, read_json
from zoo.sweeps import grid
from zoo.sweeps.merit import Merit, final, merit_of, scored
from zoo.sweeps.sweep import Sweep, finished
from zoo.variant import options

BUDGET = 5
"""Trials of every method."""
Settings: TypeAlias = dict[str, Any]
RESULTS = Path(baselines.__file__).parent / "results"


class Candidate(NamedTuple):
    """Settings of one method that compete, and the cell that tries them."""

    settings: Settings
    cell: Cell


@dataclass(frozen=True)
class Trial:
    """Settings that competed, and what they reached."""

    settings: Settings
    score: float
    measured: dict[str, float]


@dataclass(frozen=True)
class Tuning:
    """On what methods are tuned; ``others`` are alternatives ``{name: value}`` for those that have an option of that name."""

    data: str | Path | None = None
    recipe: str | Path | None = None
    protocol: str | None = None
    data_root: str | Path | None = None
    others: Mapping[str, Any] = field(default_factory=dict)
    load: Load = field(default_factory=lambda: cache(toy_data.load), repr=False)

    def cell(self, variant: str, settings: Settings, seeds: str | int) -> Cell:
        """The recipe with these settings, for one method."""
        own = options(variants.load(variant))
        chosen = {k: v for k, v in settings.items() if k in own}
        changes = {k: v for k, v in settings.items() if k not in own}
        return plan(
            variant,
            chosen,
            data=self.data,
            recipe=self.recipe,
            changes=changes,
            seeds=seeds,
            protocol=self.protocol,
            data_root=self.data_root,
            load=self.load,
        )

    def candidates(self, variant: str, seeds: str = TRIED) -> list[Candidate]:
        """As many for every method: ``BUDGET``."""
        return [Candidate(s, self.cell(variant, s, seeds)) for s in self.settings(variant)]

    def settings(self, variant: str) -> list[Settings]:
        """What is tried of a method."""
        given = self.cell(variant, {}, 1)
        space = SPACES.get(str(self.recipe))
        rates = space.rates if space else [(given.recipe.lr_d * d, given.recipe.lr_g * g) for d, g in RATES]
        kind = variants.load(variant)
        own = options(kind)
        usual = {f.name: f.default for f in fields(kind)} if space else given.options
        asked = {k: v for k, v in self.others.items() if k in own}
        other = asked or (space.others if space else OTHERS).get(variant, {})
        if all(usual[name] == value for name, value in other.items()):
            if asked:
                told = " ".join(words(asked))
                raise ZooError(f"{variant} has {told} already; give --other another value.")
            other = {}
        strengths = [{name: usual[name] for name in other}, other] if other else [{}]
        lr_d, lr_g = rates[0]
        several = itertools.product(rates[: (BUDGET - 1) // len(strengths)], strengths)
        tried = [*several, ((lr_d / SLOW, lr_g), strengths[0])]
        return [{"lr_d": d, "lr_g": g} | strength for (d, g), strength in tried]

    def merit(self, variant: str, by: str | None = None) -> Merit:
        """What chooses. ``ZooError`` where nothing is measured, or not what was asked for."""
        cell = self.cell(variant, {}, 1)
        source = self.load(cell.source, cell.data_root)
        how = scoring.of(source, cell.protocol)
        measured = how.evaluate(REFERENCE["data"](source, cell.protocol.samples)[None])
        if not measured:
            raise ZooError(f"No metric is measured by which to choose a trial: {next(iter(how.unavailable.values()))}")
        return merit_of(measured, by)

    def recorded(self, cells: Sequence[Cell]) -> list[Path]:
        """The zoo's own results of the same recipe and data for other methods, tuned with the same budget and judged on the seeds of ``cells``."""
        named = str(self.recipe)  # by its name in the zoo: a file of the user's may be called like one of ours
        if named not in SPACES or cells[0].seeds != parse_seeds(JUDGED):
            return []
        ours = {cell.variant for cell in cells}
        found = [place for place in sorted((RESULTS / named).iterdir()) if place.is_dir() and place.name not in ours]
        return [place for place in found if read_json(place / CONFIG)["data"] == cells[0].data]


@dataclass(frozen=True)
class Tuned:
    """What came of it: every trial that ended, by method, and the sweep of those that were judged; None where no trial ended."""

    merit: Merit
    trials: dict[str, list[Trial]]
    judged: Sweep | None


def tune(
    on: Tuning,
    names: Sequence[str],
    out: Path,
    train: Callable[[list[Cell], Path], Sweep],
    *,
    by: str | None = None,
    trial_seeds: str = TRIED,
    seeds: str = JUDGED,
    heard: Callable[[str], None] = lambda sentence: None,
    shown: Callable[[dict[str, list[Trial]], Merit], None] = lambda trials, merit: None,
) -> Tuned:
    """Trials, the choice, the judged runs. ``train`` brings cells to their end in a folder, as a sweep; ``shown`` is called between the two.

    ``ZooError`` for what cannot be, before anything is written.
    """
    if not names:
        raise ZooError("Which methods? For example: ns and r1, on the recipe ring-tuned.")
    both = {*parse_seeds(trial_seeds)} & {*parse_seeds(seeds)}
    if both:
        told = ", ".join(map(str, sorted(both)))
        raise ZooError(f"Trials and judging must not share seeds; {told} would be in both.")
    candidates = [candidate for name in names for candidate in on.candidates(name, trial_seeds)]
    merit = on.merit(names[0], by)
    heard(f"{BUDGET} trials of each method on seeds {_which(trial_seeds)}; the best by {merit.rule}.")
    trials = reached(candidates, train([c.cell for c in candidates], out / "trials").folder_of, merit)
    if not trials:
        return Tuned(merit, {}, None)
    one = candidates[0].cell
    keep(out / f"trials-{data_folder(one.data, one.fingerprint)}-{one.recipe_name}.csv", trials)
    shown(trials, merit)
    heard(f"Now the best of each on seeds {_which(seeds)}, which no trial has seen.")
    cells = [on.cell(name, best(of_one).settings, seeds) for name, of_one in trials.items()]
    return Tuned(merit, trials, train(cells, out / "judged"))


def _which(seeds: str) -> str:
    """Seeds by their numbers in a sentence, in which 5 would be read as one of them: 0-4."""
    found = parse_seeds(seeds)
    return f"0-{len(found) - 1}" if seeds == str(len(found)) and len(found) > 1 else seeds


def alternatives(given: Sequence[str], names: Sequence[str]) -> Settings:
    """``["lam=1"]`` to ``{"lam": 1.0}``, checked against the options of the methods of these names. ``ZooError`` for what none of them has."""
    own = {k: kind for name in names for k, (kind, _) in options(variants.load(name)).items()}
    found = {}
    for name, values in grid.parse(given, "--other", "lam=1").items():
        if name in recipe.fields():
            raise ZooError(f"'{name}' belongs to the recipe; --other is for an option of a method, such as lam=1.")
        if not own:
            raise ZooError(
                f"{' and '.join(names)} {'have' if names[1:] else 'has'} no options, so --other has nothing to try."
            )
        if name not in own:
            raise unknown("option", name, own, f"of {', '.join(names)}")
        if len(values) > 1:
            raise ZooError(
                f"--other takes one value of '{name}' beside the usual one, so that every method has {BUDGET} trials."
            )
        found[name] = grid.value_of(name, values[0], own[name], "--other")
    return found


def reached(candidates: Sequence[Candidate], folder_of: Callable[[Cell], Path], merit: Merit) -> dict[str, list[Trial]]:
    """What the trials that ended reached, by method, in the order of their candidates."""
    found: dict[str, list[Trial]] = {}
    for candidate in candidates:
        if finished(folder_of(candidate.cell)):
            summary = read_json(folder_of(candidate.cell) / SUMMARY)
            names = [name for name in dict.fromkeys(("modes", merit.metric)) if name in summary["metrics"]]
            measured = {name: float(final(summary, name).mean()) for name in names}
            trial = Trial(candidate.settings, scored(summary, merit), measured)
            found.setdefault(candidate.cell.variant, []).append(trial)
    return found


def best(trials: Sequence[Trial]) -> Trial:
    """The highest score; of equal ones the first."""
    return max(trials, key=lambda trial: trial.score)


def kept(file: Path) -> dict[str, list[Trial]]:
    """The table of trials that ``keep`` wrote, by method; none where there is no table."""
    found: dict[str, list[Trial]] = {}
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()) if file.exists() else []:
        numbers = {k: float(v) for k, v in row.items() if k not in ("variant", "settings") and v}
        found.setdefault(row["variant"], []).append(Trial(json.loads(row["settings"]), numbers.pop("score"), numbers))
    return found


def keep(file: Path, trials: Mapping[str, Sequence[Trial]]) -> None:
    """Put the methods' rows into the table of trials, instead of those that they had."""
    rows = []
    for variant, of_one in (kept(file) | dict(trials)).items():
        for t in of_one:
            numbers = t.measured | {"score": t.score}
            told = {name: f"{value:.{3 if name == 'modes' else 4}f}" for name, value in numbers.items()}
            rows.append({"variant": variant, "settings": json.dumps(t.settings)} | told)
    rows.sort(key=lambda row: row["variant"])
    out = io.StringIO()
    writer = csv.DictWriter(out, dict.fromkeys(name for row in rows for name in row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, out.getvalue())
