"""Every variant tuned with the same budget, then judged on seeds that no trial has seen.

python -m benchmarks.tuning ring-tuned              # every variant, on one core: hours; goes on where it stopped
python -m benchmarks.tuning ring-tuned ns r3gan     # some
python -m benchmarks.tuning ring-tuned --table      # what is recorded, into docs/ring-tuned.md
python -m benchmarks.tuning grid-tuned              # the same on the grid; digits-tuned: on stacks of three digits

Four trials each: the four pairs of rates, or, where a method's own strength matters as much as its rates, two pairs of rates by its
default and one alternative (``baselines.spaces``). A trial is the whole recipe on seeds 100 to 103 (shorter ones choose fast rates, which win
early and lose later); the best has the highest mean over seeds of (share of modes covered) x (high-quality share), on images the lowest
FID of our judge's features. Every trial is kept in baselines/results/NAME/trials.csv, the best one's settings in the recipe itself, what
the full recipe then makes of seeds 0 to 15 in baselines/results/NAME/VARIANT, and a table of these in docs/NAME.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from baselines import recipes
from benchmarks.tuned import RESULTS, page, page_of
from zoo import variants
from zoo.runs import session
from zoo.runs.cell import Cell
from zoo.sweeps.merit import final
from zoo.sweeps.tuning import JUDGED, Tuning, best, keep, reached


def run(of: Cell, folder: Path) -> dict[str, Any]:
    """The summary of this cell, trained into ``folder``: from its checkpoint if it was stopped, not at all if it ended."""
    if not (folder / "DONE").exists():
        begun = (folder / "config.json").exists()
        (session.resume(folder, device="cpu") if begun else session.start(of, out=folder, device="cpu")).train()
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return summary


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
    config = json.loads((run / "config.json").read_text(encoding="utf-8")) | {"command": command}
    (place / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("recipe", help="a recipe of baselines/recipes/tuned")
    parser.add_argument("variants", nargs="*", help="which (default: all)")
    parser.add_argument("--scratch", type=Path, default=Path("runs/tuning"), help="folder of the runs themselves")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="only write the table of what is recorded")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    table = page_of(a.recipe)
    if a.table:
        table.write_text(page(a.recipe), encoding="utf-8")
        return
    names, tuning, scratch = a.variants or variants.own(), Tuning(recipe=a.recipe), a.scratch / a.recipe
    merit = tuning.merit(names[0])

    def folder_of(trial: Cell) -> Path:
        return scratch / "trials" / trial.variant / trial.key

    for variant in names:
        candidates = tuning.candidates(variant)
        for candidate in candidates:
            run(candidate.cell, folder_of(candidate.cell))
        trials = reached(candidates, folder_of, merit)
        chosen = best(trials[variant]).settings
        keep(RESULTS / a.recipe / "trials.csv", trials)
        keep_settings(a.recipe, variant, chosen)
        judged = tuning.cell(variant, chosen, JUDGED)
        folder = scratch / variant / judged.key
        summary = run(judged, folder)
        keep_result(folder, RESULTS / a.recipe / variant, f"zoo run {variant} --recipe {a.recipe} --seeds {JUDGED}")
        told = f"modes {final(summary, 'modes').mean():.2f}, {merit.title} {final(summary, merit.metric).mean():.4g}"
        print(f"{variant:<16} {told}, {chosen}", flush=True)
        table.write_text(page(a.recipe), encoding="utf-8")


if __name__ == "__main__":
    main()
