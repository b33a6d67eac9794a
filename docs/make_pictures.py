"""The README's pictures, from run directories: ``python docs/make_pictures.py RUN RUN ... -o docs/images/stress.png``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import toy_data
from zoo import plots


def methods_by_seeds(folders: list[Path], path: Path, most: int = 6) -> None:
    """One row per run, one column per seed: final samples and true modes; the mean over all seeds at the left."""
    runs = [(json.loads((f / "summary.json").read_text()), np.load(f / "samples.npz")["samples"]) for f in folders]
    data = toy_data.load(runs[0][0]["data"])
    with plt.rc_context(plots.STYLE):
        size = 1.65
        figure, axes = plt.subplots(len(runs), most, figsize=(size * most + 1.6, size * len(runs) + 0.4), squeeze=False)
        for i, (row, (summary, samples)) in enumerate(zip(axes, runs, strict=True)):
            for column, axis in enumerate(row):
                plots.draw(axis, samples[column], data)
                if i == 0:
                    axis.set_title(f"seed {summary['seeds'][column]}")
            modes = summary["metrics"]["modes"]
            told = " ".join(f"{k}={v}" for k, v in summary["options"].items() if v is not False)
            low, high = modes["ci95"]
            label = (
                f"{summary['variant']} {told}".strip()
                + f"\n{modes['mean']:.1f} of {data.modes} modes\n[{low:.1f}, {high:.1f}]"
            )
            row[0].annotate(label, (-0.12, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=9.5)
        figure.subplots_adjust(wspace=0.05, hspace=0.05, left=0.17, right=0.995, top=0.93, bottom=0.01)
        figure.savefig(path, dpi=140)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    methods_by_seeds(args.runs, args.out)


if __name__ == "__main__":
    main()
