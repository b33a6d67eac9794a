"""What published protocols reach here: ``python -m benchmarks.protocols NAME...`` trains them to their end and writes the table.

Recipes of baselines/recipes/published at their full length, 8 seeds; goes on where it stopped. Results stand in
baselines/results/protocols, the table at the end of docs/protocols.md, which the rest of that page is not touched by.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from baselines import recipes
from benchmarks.tuning import RESULTS, final, keep_result, run
from zoo.cell import plan
from zoo.statistics import bootstrap

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

| command | seeds | modes | seeds with all | high-quality share | reverse KL | CPU s a seed | published |
|---|---|---|---|---|---|---|---|
"""


def rows() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, summary and settings of everything that is recorded."""
    read = lambda place, part: json.loads((place / f"{part}.json").read_text(encoding="utf-8"))  # noqa: E731
    return [(p.name, read(p, "summary"), read(p, "config")) for p in sorted(PLACE.iterdir())]


def table() -> str:
    """The recorded results in Markdown."""
    lines = []
    for name, summary, config in rows():
        modes, quality = final(summary, "modes"), final(summary, "high_quality")
        spans = [f"{v.mean():.2f} [{low:.2f}, {high:.2f}]" for v in (modes, quality) for low, high in [bootstrap(v)]]
        held = summary["reference"]["data"]["modes"]
        whole = f"{int((modes >= held).sum())} of {len(modes)}"
        kl, spent = summary["metrics"]["reverse_kl"]["mean"], summary["cost"]["cpu_seconds_per_seed"]
        lines.append(
            f"| `{config['command']}` | {len(modes)} | {spans[0]} of {held:g} | {whole} | {spans[1]} | {kl:.3f} | {spent:.0f} | "
            f"{PRINTED.get(name.partition('+')[0], '')} |"
        )
    return HEAD.format(device=config["device"], torch=config["versions"]["torch"]) + "\n".join(lines) + "\n"


def page() -> str:
    """The page with the table as recorded."""
    return PAGE.read_text(encoding="utf-8").partition(MEASURED)[0] + MEASURED + table()


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protocols", description=__doc__)
    parser.add_argument("names", nargs="*", help="which recipes; NAME+VARIANT for another variant under it")
    parser.add_argument("--seeds", default="8")
    parser.add_argument("--scratch", type=Path, default=Path("runs/protocols"), help="folder of the runs themselves")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    for name in a.names:
        recipe, _, other = name.partition("+")
        run(plan(other or recipes.load(recipe).variant, recipe=recipe, seeds=a.seeds), a.scratch / name)
        named = f"{other} " if other else ""
        keep_result(a.scratch / name, PLACE / name, f"zoo run {named}--recipe {recipe} --seeds {a.seeds}")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
