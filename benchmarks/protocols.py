"""What published protocols reach here: ``python -m benchmarks.protocols NAME...`` trains them to their end and writes the table.

Recipes of baselines/recipes/published at their full length, 8 seeds; goes on where it stopped. Results stand in
baselines/results/protocols, their table and what it says at the end of docs/protocols.md; the rest of that page is not touched.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from baselines import recipes
from benchmarks.tuned import RESULTS, counted, recorded
from benchmarks.tuning import keep_result, run
from zoo.runs.cell import plan
from zoo.runs.command import option
from zoo.sweeps.tuning import alternatives

PLACE, PAGE = RESULTS / "protocols", Path(__file__).parents[1] / "docs" / "protocols.md"
MEASURED = "## What they reach here\n"
PRINTED = {
    "pacgan-ring": "7.9 ± .1 modes, .956 (10 seeds, standard error)",
    "pacgan-grid": "23.8 ± .7 modes, .913 (10 seeds, standard error)",
    "veegan-grid": "24.6 modes, .40 (5 seeds)",
    "ali-grid": "13.4 ± 5.8 modes (10 runs of random settings)",
    "r3gan-grid": "25 modes, at most about .1",
    "selfcond-grid": "25 modes, .995 in a box of three sigmas (from memory)",
    "d2gan-ring": "a picture with all 8",
    "metz-ring": "a picture with all 7 of the notebook's own ring",
}
"""What was published, where numbers were: modes covered, and the high-quality share."""
HEAD = """
Each at its full length, 2,500 samples a seed counted as PacGAN does (unless the recipe says otherwise): mean [95 % bootstrap interval over seeds];
{device}, torch {torch}. Most papers print pictures of these experiments, and no number.
`python -m benchmarks.protocols NAME` trains one more.

| command | data's modes | covered | seeds with all | high-quality share | reverse KL | CPU s a seed | published |
|---|---|---|---|---|---|---|---|
"""

NOTES = """
### What that says

* **A published picture is one seed.** D2GAN's shows all eight modes. With its script's nets, start, rates and length
  {d2gan_all} of {d2gan_n} seeds {covers} them, the others {d2gan_worst} to {d2gan_best}. The script itself, run here with TensorFlow 2.21 (once;
  2,500 samples, counted in the same way), covers 1 to 3 at each of ten evaluations, and 3 at its end, with a share of .64.
* **Eight seeds do not tell UnrolledGAN's notebook with look-ahead from the same without** on the ring of eight: k = 5 covers {k5} modes, k = 0
  {k0}, each within the other's interval. In most seeds of either, eight or more clusters drift along the circle, and few rest on the modes by the
  end (shares of {k5_share} and {k0_share}). Collapse onto one or two places is seen in two of eight seeds with k = 0 and in none with k = 5, which
  chance alone makes as often as not (Fisher's p = .47). Look-ahead decides in `stress`, where D is ten times slower than G too, but nets have
  ReLU and the latent two dimensions.
* **MAD-GAN's mixture on a line**: {madgan_all} of {madgan_n} seeds cover all five modes; in the others all four generators stay on two that
  overlap, and every sample is of high quality.
* **LSGAN's samples lie on the circle, between the modes**: {lsgan} modes with a share of {lsgan_share}.
* **R3GAN on the grid is as published**: nearly every mode, and a tenth of the samples within three deviations of one.

![D2GAN's protocol: eight seeds after 25,000 steps](images/d2gan-ring.png)

*`zoo run --recipe d2gan-ring --seeds 8`: circles are three standard deviations around the modes.*
"""
"""What stands under the table; the numbers are the records'."""


def notes() -> str:
    """``NOTES`` with the recorded numbers."""
    found = {name: summary for name, summary, _ in recorded(PLACE)}

    def mean(name: str, metric: str) -> str:
        return f"{found[name]['metrics'][metric]['mean']:.2f}"

    d2gan = sorted(found["d2gan-ring"]["metrics"]["modes"]["per_seed"])
    madgan = found["madgan-1d"]["metrics"]["modes"]["per_seed"]
    partly = [modes for modes in d2gan if modes < 8]
    whole = len(d2gan) - len(partly)
    return NOTES.format(
        d2gan_all=whole,
        d2gan_n=len(d2gan),
        covers="covers" if whole == 1 else "cover",
        d2gan_worst=f"{min(partly):g}",
        d2gan_best=f"{max(partly):g}",
        k5=mean("metz-ring", "modes"),
        k0=mean("metz-ring-k-0", "modes"),
        k5_share=mean("metz-ring", "high_quality"),
        k0_share=mean("metz-ring-k-0", "high_quality"),
        madgan_all=sum(modes == 5 for modes in madgan),
        madgan_n=len(madgan),
        lsgan=mean("lsgan-ring", "modes"),
        lsgan_share=mean("lsgan-ring", "high_quality"),
    )


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
    return PAGE.read_text(encoding="utf-8").partition(MEASURED)[0] + MEASURED + table() + notes()


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protocols", description=__doc__)
    parser.add_argument("names", nargs="*", help="which recipes")
    parser.add_argument("--other", action="append", default=[], help="an option beside their own: k=0")
    parser.add_argument("--seeds", default="8")
    parser.add_argument("--scratch", type=Path, default=Path("runs/protocols"), help="folder of the runs themselves")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    for name in a.names:
        options = alternatives(a.other, [recipes.load(name).variant or ""])
        folder = "-".join([name, *(f"{k}-{v}" for k, v in options.items())])
        run(plan(None, options, recipe=name, seeds=a.seeds), a.scratch / folder)
        words = [word for k, v in options.items() for word in option(k, v)]
        told = " ".join(["zoo run --recipe", name, *words, "--seeds", a.seeds])
        keep_result(a.scratch / folder, PLACE / folder, told)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
