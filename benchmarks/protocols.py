"""What published protocols reach here: ``python -m benchmarks.protocols NAME...`` trains them to their end and writes the table.

Recipes of baselines/recipes/published at their full length, 8 seeds; goes on where it stopped. Results stand in
baselines/results/protocols, the table at the end of docs/protocols.md, which the rest of that page is not touched by.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from benchmarks.tuned import RESULTS, counted, recorded
from benchmarks.tuning import keep_result, run
from zoo.runs.cell import plan

PLACE, PAGE = RESULTS / "protocols", Path(__file__).parents[1] / "docs" / "protocols.md"
MEASURED = "## What they reach here\n"
PRINTED = {
    "pacgan-ring": "7.9 ± .1 modes, .956 (10 seeds, standard error)",
    "pacgan-grid": "23.8 ± .7 modes, .913 (10 seeds, standard error)",
    "veegan-grid": "24.6 modes, .40 (5 seeds)",
    "ali-grid": "13.4 ± 5.8 modes (10 runs of random settings)",
    "r3gan-grid": "25 modes, at most about .1",
    "selfcond-grid": "25 modes, .995 in a box of three sigmas (from memory)",
}
"""What was published, where numbers were: modes covered, and the high-quality share."""
HEAD = """
Each at its full length, 2,500 samples a seed counted as PacGAN does (unless the recipe says otherwise): mean [95 % bootstrap interval over seeds];
{device}, torch {torch}. Most papers print pictures of these experiments, and no number.
`python -m benchmarks.protocols NAME` trains one more.

| command | data's modes | covered | seeds with all | high-quality share | reverse KL | CPU s a seed | published |
|---|---|---|---|---|---|---|---|
"""


def table() -> str:
    """The recorded results in Markdown."""
    lines = []
    for name, summary, config in recorded(PLACE):
        held, spent = summary["reference"]["data"]["modes"], summary["cost"]["cpu_seconds_per_seed"]
        lines.append(
            f"| `{config['command']}` | {held:g} | {counted(summary)} | {spent:.0f} | {PRINTED.get(name, '')} |"
        )
    return HEAD.format(device=config["device"], torch=config["versions"]["torch"]) + "\n".join(lines) + "\n"


def page() -> str:
    """The page with the table as recorded."""
    return PAGE.read_text(encoding="utf-8").partition(MEASURED)[0] + MEASURED + table()


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protocols", description=__doc__)
    parser.add_argument("names", nargs="*", help="which recipes; metz-ring:k=0 with another option than its own")
    parser.add_argument("--seeds", default="8")
    parser.add_argument("--scratch", type=Path, default=Path("runs/protocols"), help="folder of the runs themselves")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    for name in a.names:
        recipe, *given = name.split(":")
        options = {key: json.loads(value) for key, value in (each.split("=") for each in given)}
        folder, flags = "-".join([recipe, *given]).replace("=", "-"), [f"--{k} {v}" for k, v in options.items()]
        run(plan(None, options, recipe=recipe, seeds=a.seeds), a.scratch / folder)
        keep_result(
            a.scratch / folder, PLACE / folder, " ".join(["zoo run --recipe", recipe, *flags, "--seeds", a.seeds])
        )
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
