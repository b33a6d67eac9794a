"""Methods tuned with the same budget and judged on new seeds, from Python, as `zoo tune` does it.

tuned = zoo.tune(["ns", "my-gan"], recipe="grid-tuned", plugins=["my_gan.py"])
tuned.trials, tuned.verdict
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.ambient import undisturbed
from zoo.api.comparing import Compared, compare
from zoo.api.results import Result, Shown, folder_named, several
from zoo.api.sweeping import Failure, loaded, swept, trained
from zoo.errors import ZooError, briefly
from zoo.looking.standing import stand
from zoo.progress.sweeping import aloud
from zoo.sweeps import tuning

if TYPE_CHECKING:
    import pandas
    import torch

    from zoo.runs.cell import Cell
    from zoo.sweeps.sweep import Sweep


@dataclass(frozen=True)
class Tuned(Shown):
    """Every trial, and what the best of each method makes of seeds that no trial has seen; a notebook shows these compared."""

    results: list[Result]
    """The judged runs, in the order of their methods."""
    failures: list[Failure]
    """Cells, trials among them, that could not be trained."""
    rule: str
    """By what the best trial was chosen."""
    metric: str
    """By which the judged runs are compared: the same, or the modes where it is modes and quality together."""
    beside: list[Path] = field(repr=False)
    """The zoo's own results of the same recipe, tuned and judged in the same way."""
    _trials: dict[str, list[tuning.Trial]] = field(repr=False)

    @property
    def trials(self) -> pandas.DataFrame:
        """One row per trial: the method, its settings, what it reached, its score, and whether it was chosen."""
        import pandas

        rows: list[dict[str, Any]] = []
        for name, of_one in self._trials.items():
            chosen = tuning.best(of_one)
            rows += [
                {"method": name, **t.settings, **t.measured, "score": t.score, "chosen": t is chosen} for t in of_one
            ]
        return pandas.DataFrame(rows)

    @property
    def verdict(self) -> list[str]:
        """What failed; and what each of these reached, or, beside recorded methods, how many are better and worse than it beyond chance."""
        told = [f"{failure.cell} failed: {failure.why}" for failure in self.failures]
        if self.results:
            ours, data = [result.folder for result in self.results], self.results[0].summary["data"]
            _, sentences = stand(ours, self.beside, data, self.metric)
            told += sentences
        return told

    def compare(self, metric: str | None = None, *, reference: str | None = None, equal: str | None = None) -> Compared:
        """The judged runs against one another and the recorded ones: ``zoo.compare`` of them, by ``self.metric`` unless another is named."""
        if not self.results:
            raise ZooError(f"No method could be judged: {' '.join(self.verdict)}")
        data = self.results[0].summary["data"]
        return compare(
            [*self.results, *self.beside], metric or self.metric, data=data, reference=reference, equal=equal
        )

    def table(self) -> pandas.DataFrame:
        """``compare().table()``: one row per run, best first."""
        return self.compare().table()

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)


@undisturbed()
def tune(
    variants: str | Sequence[str],
    data: str | Path | None = None,
    recipe: str | Path | None = None,
    other: Mapping[str, Any] | None = None,
    *,
    by: str | None = None,
    trial_seeds: str = tuning.TRIED,
    seeds: str = tuning.JUDGED,
    protocol: str | None = None,
    data_root: str | Path | None = None,
    out: str | Path = "runs/tuning",
    device: str | torch.device = "auto",
    jobs: int | None = None,
    tf32: bool = False,
    plugins: str | Path | Sequence[str | Path] = (),
    track: bool = False,
    progress: bool = True,
) -> Tuned:
    """Five trials of each method's rates and strength, the best of them judged on new seeds (docs/tuning.md); the same call goes on.

    Args:
        recipe: ``"ring-tuned"``, ``"grid-tuned"`` or ``"digits-tuned"`` puts the recorded methods beside; by default the data's own.
        other: a strength to try beside the usual one, at two pairs of rates instead of four: ``{"lam": 1.0}``.
        by: a metric that chooses; by default modes times quality, or the FID.
        trial_seeds, seeds: of the trials, and of those that judge, which no trial may have seen.

    The rest as for ``zoo.sweep``. Raises ``ZooError`` for anything that is not right, before a file is written.
    """
    folder = folder_named(out)
    if not isinstance(other, Mapping | None):
        raise ZooError(f'other is a table of options and their values, such as {{"lam": 1.0}}, not {briefly(other)}.')
    files, names = loaded(plugins), list(dict.fromkeys(several("variants", variants, str)))
    sweeps: list[tuple[Sweep, Sequence[Cell]]] = []

    def train(cells: list[Cell], place: Path) -> Sweep:
        made = trained(cells, place, files, device, jobs, tf32, progress)
        sweeps.append((made, cells))
        return made

    others = tuning.alternatives([f"{k}={v}" for k, v in (other or {}).items()], names)
    on = tuning.Tuning(data, recipe, protocol, data_root, others)
    heard = aloud if progress else lambda sentence: None
    found = tuning.tune(on, names, folder, train, by=by, trial_seeds=trial_seeds, seeds=seeds, heard=heard)
    became = [swept(made, cells) for made, cells in sweeps]
    judged = became[1].results if found.judged else []
    if found.judged and track:
        for failure in found.judged.track():
            print(f"zoo: {failure}", file=sys.stderr)
    beside = on.recorded(found.judged.ended) if judged and found.judged else []
    return Tuned(
        judged,
        [f for one in became for f in one.failures],
        found.merit.rule,
        found.merit.compared,
        beside,
        found.trials,
    )
