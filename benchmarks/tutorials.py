"""What the GANs that people learn from really reach on MNIST: ``python -m benchmarks.tutorials`` trains them to their end and writes the table.

Each recipe of baselines/recipes/tutorials, at its full length (one core: 10 to 30 minutes a seed and recipe; goes on where it stopped); the
metrics are those of ``zoo eval RUN``. Results stand in baselines/results/tutorials, the table in docs/tutorials.md.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines import recipes
from benchmarks.tuned import RESULTS
from benchmarks.tuning import keep_result, run
from zoo.evaluation import subjects
from zoo.evaluation.evaluate import evaluate
from zoo.files import finite
from zoo.runs.cell import plan

PLACE, PAGE = RESULTS / "tutorials", Path(__file__).parents[1] / "docs" / "tutorials.md"
PICTURES, SHOWN = PAGE.parent / "images" / "tutorials", 20
"""A picture of each, and how many samples of a seed it shows."""
COLUMNS = {
    "modes": ("modes of 10", "{:.1f}"),
    "fid": ("FID of the judge's features", "{:.1f}"),
    "inception_score": ("inception score (of 10)", "{:.2f}"),
    "one_nn": ("1-NN accuracy", "{:.2f}"),
}
HEAD = """# What the tutorials' GANs reach

Five MNIST GANs that people learn from, as recipes, trained to the end of their own length (`zoo run VARIANT --recipe NAME`). Scores are of
{samples:,} samples under our judge (right on {accuracy:.2%} of held-out digits): its features' Frechet distance is not comparable to Inception's.
1-NN accuracy is .5 for samples that cannot be told from data, 1 for samples that always can. Mean, in brackets every seed's; {device}, torch {torch}.
Recorded: {done} of {total}; `python -m benchmarks.tutorials` trains those that are missing.

| recipe | variant | seeds | rounds | {columns} | CPU s a seed |
|---|---|---|---|{dashes}|---|
"""


PUBLISHED = {"G": (2528.6, 2065.7), "D": (353.3, 555.0)}
"""Of ``relu-512``: each loss summed over the 938 batches of the first epoch, and of the last."""


def epoch_sums() -> str:
    """The losses that ``relu-512`` was published with, and ours."""
    file = PLACE / "relu-512" / "metrics.csv"
    if not file.exists():
        return ""
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    told = []
    for player, (first, last) in PUBLISHED.items():
        ours = [
            " and ".join(f"{938 * float(row[f'loss/{player}']):.0f}" for row in rows if int(row["round"]) == at)
            for at in (938, 938 * 60)
        ]
        told.append(f"{player} {first} to {last} (here {ours[0]} to {ours[1]})")
    sums = "; ".join(told)
    return (
        "\n`relu-512` was published with its losses summed over the 938 batches of an epoch, the first and the last of 60: "
        f"{sums}. Only the last epoch's are close.\n"
    )


def names() -> list[str]:
    """The tutorials' recipes."""
    return sorted(path.stem for path in (recipes.FOLDER / "tutorials").glob("*.toml"))


def scores(folder: Path) -> dict[str, Any]:
    """What ``zoo eval`` finds of a finished run."""
    source = subjects.load(folder, None, None)
    return finite(
        evaluate(source.samples, source.data, list(COLUMNS), protocol=source.protocol, history=source.history)
    )


def picture(folder: Path, name: str) -> None:
    """The first samples of every seed, a row each."""
    from zoo.looking import plots

    samples = np.load(folder / "samples.npz")["samples"][:, :SHOWN]
    PICTURES.mkdir(parents=True, exist_ok=True)
    plots.grid(samples.reshape(-1, *samples.shape[2:]), SHOWN, PICTURES / f"{name}.png")


def cell(found: Any, form: str) -> str:
    """A mean, and in brackets the seeds it is of."""
    values = found if isinstance(found, list) else [found]
    each = f" ({', '.join(form.format(v) for v in values)})" if len(values) > 1 else ""
    return form.format(sum(values) / len(values)) + each


def page() -> str:
    """The table of everything that is recorded."""
    lines, about = [], {}
    for name in names():
        place = PLACE / name
        if not (place / "eval.json").exists():
            continue
        found, summary, config = (
            json.loads((place / f"{part}.json").read_text(encoding="utf-8")) for part in ("eval", "summary", "config")
        )
        about = {"found": found, "config": config}
        shown = " | ".join(cell(found["metrics"][k], form) for k, (_, form) in COLUMNS.items())
        spent = summary["cost"]["cpu_seconds_per_seed"]
        lines.append(
            f"| `{name}` | {config['variant']} | {len(config['seeds'])} | {config['recipe']['rounds']:,} | {shown} | {spent:.0f} |"
        )
    found, config = about["found"], about["config"]
    for sampler, known in found["reference"].items():
        shown = " | ".join(form.format(known[k]) if k in known else "" for k, (_, form) in COLUMNS.items())
        lines.append(f"| *{sampler}* | | | | {shown} | |")
    generous = (
        f"\nOne sample is enough for a mode (`hits` is {found['protocol']['hits']}) and the judge errs, so *collapsed*, a sampler of one digit "
        f"alone, scores {found['reference']['collapsed']['modes']:.0f} modes here: 10 of 10 says less than the other columns.\n"
    )
    head = HEAD.format(
        samples=found["protocol"]["samples"],
        accuracy=found["judge"]["accuracy"],
        device=config["device"],
        torch=config["versions"]["torch"],
        columns=" | ".join(title for title, _ in COLUMNS.values()),
        dashes="|".join("---" for _ in COLUMNS),
        done=sum((PLACE / name / "eval.json").exists() for name in names()),
        total=len(names()),
    )
    shown = [
        f"\n`{path.stem}`:\n\n![samples of {path.stem}]({path.relative_to(PAGE.parent)})\n"
        for path in sorted(PICTURES.glob("*.png"))
    ]
    return (
        head
        + "\n".join(lines)
        + "\n"
        + generous
        + epoch_sums()
        + "\nThe first samples, a row for every seed:\n"
        + "".join(shown)
    )


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tutorials", description=__doc__)
    parser.add_argument("names", nargs="*", help="which recipes (default: all)")
    parser.add_argument("--seeds", default="2")
    parser.add_argument("--scratch", type=Path, default=Path("runs/tutorials"), help="folder of the runs themselves")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    for name in a.names or names():
        variant = recipes.load(name).variant
        assert variant is not None  # every tutorial's recipe names its own
        folder = a.scratch / name
        run(plan(variant, recipe=name, seeds=a.seeds), folder)
        keep_result(folder, PLACE / name, f"zoo run {variant} --recipe {name} --seeds {a.seeds}")
        (PLACE / name / "eval.json").write_text(json.dumps(scores(folder), indent=1) + "\n", encoding="utf-8")
        picture(folder, name)
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
