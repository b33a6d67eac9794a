"""The pictures in the docs, from run directories.

python docs/make_pictures.py methods RUN RUN ... -o docs/images/stress.png       # a row per run, a column per seed
python docs/make_pictures.py thumbnails RUN RUN ... -o docs/images/catalogue     # DATA/VARIANT.png of each run: its first four seeds
python docs/make_pictures.py stacks RUN RUN ... -o docs/images/stacks.png        # what is on stacks of digits, channel by channel
python docs/make_pictures.py tuned baselines/results/{ring,grid,digits}-tuned -o docs/images/tuned.png             # all methods of each
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable

import toy_data
from zoo.looking import plots
from zoo.metrics.spec import BY_NAME


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


def thumbnail(folder: Path, out: Path) -> None:
    """``out/DATA/VARIANT.png``: final samples of a run's first four seeds, whatever they are like."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    samples, data = np.load(folder / "samples.npz")["samples"][:4], toy_data.load(summary["data"])
    path = out / summary["data"] / f"{summary['variant']}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(plots.STYLE):
        figure, axes = plt.subplots(1, len(samples), figsize=(1.15 * len(samples), 1.35), squeeze=False)
        for axis, points, seed in zip(axes[0], samples, summary["seeds"], strict=False):
            plots.draw(axis, points, data)
            axis.set_title(f"seed {seed}", fontsize=7, pad=2)
        figure.subplots_adjust(wspace=0.04, left=0.005, right=0.995, top=0.87, bottom=0.01)
        figure.savefig(path, dpi=110, pil_kwargs={"optimize": True})
        plt.close(figure)


PLAIN = {"vanilla", "ns", "lsgan", "hinge"}
"""Objectives alone: no remedy against collapse."""


QUALITY = {
    "high_quality": ("high-quality share", "viridis", 0, 1),
    "fid": ("FID of our judge's features", "viridis_r", 100, 400),
}
"""By the metric that a panel's dots are coloured by: what it is called, the colours, and the values of the first and last."""


def by_missing(axis: plt.Axes, modes: int) -> None:
    """Scale an axis of modes covered by the logarithm of 5 + those that are missing, so that 990 and 999 of 1000 are told apart."""

    def forward(covered: np.ndarray) -> np.ndarray:
        return -np.log(np.maximum(modes + 5 - covered, 1e-9))

    def inverse(scaled: np.ndarray) -> np.ndarray:
        return modes + 5 - np.exp(-scaled)

    axis.set_xscale("function", functions=(forward, inverse))
    missing = np.array([1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0]) * modes
    axis.set_xticks(modes - missing, [f"{n:.0f}" for n in modes - missing], fontsize=7.5)
    axis.set_xlim(0, modes + 1)
    axis.set_xlabel(f"{axis.get_xlabel()} (log of the missing)")


def tuned(folders: list[Path], path: Path) -> None:
    """A panel for each folder of runs, a row for each method, the best first: modes covered with the interval, coloured by quality."""
    with plt.rc_context(plots.STYLE | {"axes.grid": False}):
        figure, axes = plt.subplots(1, len(folders), figsize=(3.7 * len(folders), 8.3), layout="constrained")
        coloured: dict[str, list[tuple[plt.Axes, ScalarMappable]]] = {}
        for axis, folder in zip(axes, folders, strict=True):
            found = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*/summary.json")]
            (quality,) = found[0]["metrics"].keys() & QUALITY.keys()
            _, colours, low, high = QUALITY[quality]
            found.sort(
                key=lambda s: (s["metrics"]["modes"]["mean"], BY_NAME[quality].goodness(s["metrics"][quality]["mean"]))
            )
            data = toy_data.load(found[0]["data"])
            names, rows = [summary["variant"] for summary in found], np.arange(len(found))
            modes = [summary["metrics"]["modes"] for summary in found]
            means = np.array([m["mean"] for m in modes])
            axis.hlines(rows, 0, means, color="0.92", linewidth=1, zorder=0)
            axis.hlines(rows, *np.array([m["ci95"] for m in modes]).T, color="0.45", linewidth=2, zorder=1)
            shown = {"c": [s["metrics"][quality]["mean"] for s in found], "vmin": low, "vmax": high, "cmap": colours}
            dots = axis.scatter(means, rows, s=34, zorder=2, edgecolors="0.2", linewidths=0.5, **shown)
            coloured.setdefault(quality, []).append((axis, dots))
            axis.set_yticks(rows, names, fontsize=8)
            for label in axis.get_yticklabels():
                label.set_color("0.15")
                label.set_fontweight("bold" if label.get_text() in PLAIN else "normal")
            axis.set(xlim=(0, data.modes * 1.03), ylim=(-0.7, len(names) - 0.3))
            axis.set_xlabel(f"modes covered of {data.modes:,}")
            if data.modes > 100:
                by_missing(axis, data.modes)
            axis.set_title(f"{data.name}, {len(found[0]['seeds'])} seeds")
            axis.tick_params(axis="y", length=0)
        for quality, panels in coloured.items():
            over = [axis for axis, _ in panels]
            bar = figure.colorbar(
                panels[0][1], ax=over, location="bottom", shrink=0.9 / len(over), aspect=30, pad=0.015
            )
            bar.set_label(QUALITY[quality][0])
        figure.savefig(path, dpi=140)


def stacks(folders: list[Path], path: Path, many: int = 9) -> None:
    """A row for the data and for each run: the first stacks of its first seed, each as its channels side by side, with modes and FID."""
    runs = [
        (json.loads((f / "summary.json").read_text()), np.load(f / "samples.npz")["samples"][0, :many]) for f in folders
    ]
    data = toy_data.load(runs[0][0]["data"])
    rows = [(f"the data itself\n{data.modes:,} modes", data.sample(many, torch.Generator().manual_seed(0)).numpy())]
    for summary, samples in runs:
        modes, fid = (summary["metrics"][name]["mean"] for name in ("modes", "fid"))
        rows.append((f"{summary['variant']}\n{modes:,.1f} modes, FID {fid:.0f}", samples))
    with plt.rc_context(plots.STYLE):
        size = (0.95 * many + 1.7, 0.42 * len(rows) + 0.1)
        figure, axes = plt.subplots(len(rows), many, figsize=size, squeeze=False)
        for row, (label, samples) in zip(axes, rows, strict=True):
            for axis, stack in zip(row, samples, strict=True):
                axis.imshow(
                    np.concatenate([np.pad(c, 1, constant_values=1.0) for c in stack], 1), cmap="gray", vmin=-1, vmax=1
                )
                axis.set_axis_off()
            row[0].annotate(label, (-0.08, 0.5), xycoords="axes fraction", ha="right", va="center", fontsize=8.5)
        figure.subplots_adjust(wspace=0.06, hspace=0.12, left=1.65 / size[0], right=0.995, top=0.99, bottom=0.01)
        figure.savefig(path, dpi=140)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("methods", "thumbnails", "tuned", "stacks"))
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    whole = {"methods": methods_by_seeds, "tuned": tuned, "stacks": stacks}
    if args.what in whole:
        whole[args.what](args.runs, args.out)
    else:
        for run in args.runs:
            thumbnail(run, args.out)


if __name__ == "__main__":
    main()
