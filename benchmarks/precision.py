"""Does TF32 change what is covered? ``python -m benchmarks.precision`` (on a GPU) rewrites precision.json and precision.md.

Each setting is trained whole by so many seeds in float32, by the same seeds with TF32 (factors of products rounded to 10 bits of mantissa), and,
as a control, by other seeds in float32: what differing seeds alone make of a comparison. Of the modes covered and of the high-quality share:

* two one-sided t-tests (Schuirmann 1987): the same, if the 90 % interval of the difference of means (Welch) lies within the bound;
* Kolmogorov and Smirnov's p for the two distributions over seeds.

The bound is 2 % of what can be had: .02 of the high-quality share, .02 K of K modes.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import record
from zoo.runs import session
from zoo.runs.cell import Cell, plan

HERE = Path(__file__).parent
BOUND = 0.02
Setting = tuple[str, str | None, dict[str, Any], int]
"""Variant, recipe (none: the ring's own), options, seeds."""
SETTINGS: list[Setting] = [
    ("ns", None, {}, 256),
    ("ns", "stress", {}, 1024),
    ("ns", "grid-tuned", {}, 256),
    ("unrolled", None, {"k": 5}, 256),
    ("unrolled", "stress", {"k": 5}, 128),
]


def label(setting: Setting) -> str:
    """As ``zoo run`` is told it."""
    variant, recipe, options, _ = setting
    return " ".join([variant, *(f"--{k} {v}" for k, v in options.items()), f"--recipe {recipe or 'ring'}"])


def trained(cell: Cell, device: torch.device, tf32: bool) -> dict[str, Any]:
    """Modes and high-quality share by seed at the end, and the seconds."""
    started = time.perf_counter()
    cell = replace(cell, recipe=replace(cell.recipe, every=cell.recipe.rounds))
    run = session.Session(cell, Path(), device, tf32=tf32)
    (*_, last) = run.training
    kept = {name: last.metrics[name].tolist() for name in ("modes", "high_quality")}
    return kept | {"seconds": run.training.seconds, "all_seconds": time.perf_counter() - started}


def compared(a: list[float], b: list[float], bound: float) -> dict[str, Any]:
    """The difference of means b - a, its 90 % interval, whether that lies within the bound, and Kolmogorov and Smirnov's p."""
    from scipy import stats

    if np.ptp(a + b) == 0:
        return {"difference": 0.0, "interval": [0.0, 0.0], "same": True, "p": 1.0}
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.9)
    low, high = float(interval.low), float(interval.high)
    p = float(stats.ks_2samp(a, b).pvalue)
    difference = float(np.mean(b) - np.mean(a))
    return {"difference": difference, "interval": [low, high], "same": max(-low, high) < bound, "p": p}


def measure(setting: Setting, device: torch.device) -> dict[str, Any]:
    """The three trainings of a setting, and what is to be said of them."""
    variant, recipe, options, seeds = setting
    first, others = (
        plan(variant, options, recipe=recipe, data=None if recipe else "ring", seeds=f"{n}-{n + seeds - 1}")
        for n in (0, seeds)
    )
    found = {
        "float32": trained(first, device, False),
        "tf32": trained(first, device, True),
        "others": trained(others, device, False),
    }
    modes = session.toy_data.load(first.data).modes or 0
    told = {
        f"{metric}, {name}": compared(found["float32"][metric], found[name][metric], BOUND * most)
        for metric, most in (("modes", modes), ("high_quality", 1))
        for name in ("tf32", "others")
    }
    return {"setting": label(setting), "data_modes": modes, "seeds": seeds, "found": found, "told": told}


def table(made: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{made['device']}; torch {made['torch']}; `{made['command']}`. Bound: 2 % of what can be had.",
        "",
        "| setting | seeds | metric | float32 | TF32 | TF32 - float32 [90 %] | within the bound | KS p | other seeds - float32 [90 %] | KS p |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in made["rows"]:
        for metric, name in (("modes", f"modes of {row['data_modes']}"), ("high_quality", "high-quality share")):
            means = [np.mean(row["found"][kind][metric]) for kind in ("float32", "tf32")]
            tf32, others = (row["told"][f"{metric}, {kind}"] for kind in ("tf32", "others"))
            cells = [row["setting"], row["seeds"], name, *(f"{m:.3f}" for m in means), _interval(tf32)]
            cells += ["yes" if tf32["same"] else "**no**", f"{tf32['p']:.2f}", _interval(others), f"{others['p']:.2f}"]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _interval(told: dict[str, Any]) -> str:
    low, high = told["interval"]
    return f"{told['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--only", default="", help="only settings whose label contains this, anew among the recorded")
    parser.add_argument("--out", type=record.folder, default=HERE, help="folder of precision.json and precision.md")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA device here; TF32 is a GPU's.", file=sys.stderr)
        sys.exit(2)
    device = torch.device("cuda")
    kept = record.begin(args.out / "precision", device, table, ["rows"], anew=not args.only)
    for setting in (one for one in SETTINGS if args.only in label(one)):
        row = measure(setting, device)
        kept.keep("rows", [row], "setting")
        print(row["setting"], {k: v["all_seconds"] for k, v in row["found"].items()}, flush=True)
    print(table(kept.made), end="")


if __name__ == "__main__":
    main()
