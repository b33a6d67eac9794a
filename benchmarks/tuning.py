"""Every variant tuned with the same budget, then judged on seeds that no trial has seen.

python -m benchmarks.tuning ring-tuned              # every variant, on every core: an hour or more; goes on where it stopped
python -m benchmarks.tuning ring-tuned ns r3gan     # some
python -m benchmarks.tuning ring-tuned --table      # what is recorded, into docs/ring-tuned.md
python -m benchmarks.tuning grid-tuned              # the same on the grid; digits-tuned: on stacks of three digits

Five trials each (``zoo.sweeps.tuning``). A trial is the whole recipe on seeds 100 to 103 (shorter ones choose fast rates, which win early and
lose later); the best has the highest mean over seeds of (share of modes covered) x (high-quality share), on images the lowest FID of our
judge's features. Every trial is kept in baselines/results/NAME/trials.csv, and one that stands there is not trained again; the best one's
settings are kept in the recipe itself, what the full recipe then makes of seeds 0 to 15 in baselines/results/NAME/VARIANT, and a table of
these in docs/NAME.md. Nothing of that is written before everything is trained, so that the runs are those of the commit that they name.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from baselines import recipes
from benchmarks.tuned import RESULTS, page, page_of
from zoo import variants
from zoo.runs import session
from zoo.runs.cell import Cell
from zoo.sweeps.tuning import JUDGED, Trial, Tuning, best, keep, kept, reached


def run(of: Cell, folder: Path) -> None:
    """Train this cell into ``folder``: from its checkpoint if it was stopped, not at all if it ended."""
    if not (folder / "DONE").exists():
        begun = (folder / "config.json").exists()
        (session.resume(folder, device="cpu") if begun else session.start(of, out=folder, device="cpu")).train()


def keep_settings(recipe: str, variant: str, settings: dict[str, Any]) -> None:
    """Write the settings as the recipe's part for the variant; parts stand in the order of their names."""
    (path,) = recipes.FOLDER.rglob(f"{recipe}.toml")
    head = path.read_text(encoding="utf-8").split("\n[variants.")[0].rstrip("\n")
    parts = dict(sorted((recipes.load(recipe).variants | {variant: settings}).items()))
    tables = [
        "\n".join([f"[variants.{name}]", *(f"{k} = {v}" for k, v in part.items())]) for name, part in parts.items()
    ]
    path.write_text("\n\n".join([head, *tables]) + "\n", encoding="utf-8")


def keep_result(run: Path, place: Path, command: str) -> None:
    """Copy what a run measured, with the command that makes it again now that the recipe has its settings."""
    place.mkdir(parents=True, exist_ok=True)
    for name in ("metrics.csv", "summary.json"):
        shutil.copy(run / name, place / name)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    config["command"] = command + " --compile" * config["compiled"]
    (place / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Done:
    """A variant's trials, and the folder of its judged run."""

    variant: str
    trials: list[Trial]
    judged: Path


def train(variant: str, recipe: str, scratch: Path) -> Done:
    """Every trial that is not kept yet, and the best one's settings on the judging seeds."""
    tuning = Tuning(recipe=recipe)

    def folder_of(cell: Cell) -> Path:
        return scratch / "trials" / cell.variant / cell.key

    old = kept(RESULTS / recipe / "trials.csv").get(variant, [])
    trials = []
    for candidate in tuning.candidates(variant):
        known = [trial for trial in old if trial.settings == candidate.settings]
        if not known:
            run(candidate.cell, folder_of(candidate.cell))
            known = reached([candidate], folder_of, tuning.merit(variant))[variant]
        trials += known
    judged = tuning.cell(variant, best(trials).settings, JUDGED)
    run(judged, scratch / variant / judged.key)
    return Done(variant, trials, scratch / variant / judged.key)


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("recipe", help="a recipe of baselines/recipes/tuned")
    parser.add_argument("variants", nargs="*", help="which (default: all)")
    parser.add_argument("--scratch", type=Path, default=Path("runs/tuning"), help="folder of the runs themselves")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, of one thread each")
    parser.add_argument("--table", action="store_true", help="only write the table of what is recorded")
    a = parser.parse_args()
    table, place = page_of(a.recipe), RESULTS / a.recipe
    if not a.table:
        trained = partial(train, recipe=a.recipe, scratch=a.scratch / a.recipe)
        done = []
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(a.jobs, spawned, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for each in pool.map(trained, a.variants or variants.own()):
                print(f"{each.variant:<16} {best(each.trials)}", flush=True)
                done.append(each)
        for each in done:
            keep(place / "trials.csv", {each.variant: each.trials})
            keep_settings(a.recipe, each.variant, best(each.trials).settings)
            keep_result(
                each.judged, place / each.variant, f"zoo run {each.variant} --recipe {a.recipe} --seeds {JUDGED}"
            )
    table.write_text(page(a.recipe), encoding="utf-8")


if __name__ == "__main__":
    main()
