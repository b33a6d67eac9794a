"""What a run says when it is done: the table, and the verdict in words."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from zoo.errors import counted
from zoo.evaluation.subjects import MANY
from zoo.looking.tables import interval
from zoo.metrics.spec import BY_NAME, goodness
from zoo.runs import session
from zoo.runs.naming import data_name
from zoo.statistics import number, shown

RELIABLE = 0.9
"""The share of held-out images from which a judge's modes are told without a warning."""
SHOWN = {
    "modes": "modes covered",
    "high_quality": "high-quality share",
    "reverse_kl": "reverse KL (nats)",
    "fid": "FID (our judge's)",
    "recall": "recall",
    "coverage": "coverage (data near samples)",
    "precision": "precision (samples near data)",
    "one_nn": "1-NN accuracy (best: .5)",
}


def show_summary(console: Console, run: session.Session, summary: dict[str, Any], rest: float, tracked: bool) -> None:
    """The table: each metric with its interval over seeds, beside what the data, a collapsed sampler and noise score.

    ``rest``: seconds of this sitting that were not training.
    """
    metrics, references = summary["metrics"], summary["reference"]
    if metrics:
        what = f"{summary['variant']} on {data_name(summary['data'])}"
        told = f"{counted(len(summary['seeds']), 'seed')}, {counted(summary['rounds'], 'round')}"
        table = Table(title=f"{what}: {told}", title_style="bold")
        table.add_column("")
        for head in (
            "mean",
            "95 % interval",
            "worst seed",
            *(f"{name} itself" if name == "data" else name for name in references),
        ):
            table.add_column(head, justify="right", style="bold" if head == "mean" else None)
        for name in [m for m in SHOWN if m in metrics] or list(metrics):
            m = metrics[name]
            better = BY_NAME[name].better if name in BY_NAME else m.get("better", "higher")
            # nothing is worse than no number
            worst = min(m["per_seed"], key=lambda v: (not math.isnan(v), goodness(better, v)))
            told = SHOWN.get(name, name) + (f" of {run.data.modes:,}" if name == "modes" else "")
            known = len(m["per_seed"]) - m["missing"]
            band = interval(shown(m["ci95"], known))
            others = (number(scores[name]) if name in scores else "" for scores in references.values())
            only = f" ({known} seeds)" if m["missing"] else ""
            table.add_row(told, f"{number(m['mean'])}{only}", band, number(worst), *others)
        console.print(table)
    for sentence in [*summary["verdict"], *shares(summary["verdict"], run.cell.protocol.samples)]:
        console.print(sentence, soft_wrap=True)
    if summary["judge"]:
        told = right(summary["judge"]["accuracy"], summary["judge"]["tested_on"])
        console.print(f"Modes are the classes that our judge sees; it {told}.", soft_wrap=True)
    if summary["diverged"]:
        console.print(f"Diverged seeds: {', '.join(map(str, summary['diverged']))}.")
    seconds, each = summary["seconds"], summary["cost"]["seconds_per_seed"]
    made = "compiled" if run.compiled else "traced"
    told = f"Trained in {seconds:.0f} s, {each:.1f} s per seed; {made}, evaluated and drew in {rest:.0f} s more."
    console.print(f"{told} Files are in {run.folder}", soft_wrap=True)
    console.print("  samples.png  losses.png  strip.png  samples.gif  summary.json  metrics.csv")
    if tracked:
        console.print("Compare runs in the browser with: zoo ui")


def right(accuracy: float, tested_on: int) -> str:
    """How good a judge is, after its name."""
    told = f"is right on {accuracy:.2%} of {tested_on:,} held-out images"
    return told if accuracy >= RELIABLE else f"{told}: it takes many for another class, so its modes and FID say little"


def shares(verdict: list[str], samples: int) -> list[str]:
    """Why the data's share in the verdict is not quite the table's, where the verdict tells one."""
    told = any("high quality" in sentence for sentence in verdict)
    return [f"The data's share is of {MANY:,} samples in these sentences, in the table of {samples:,}."] * told
