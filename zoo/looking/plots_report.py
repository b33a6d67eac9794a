"""The report's pictures, as PNG bytes: many runs side by side, every seed visible, one colour for what is looked at and grey for the rest."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from zoo.looking.plots import COLOURS, DENSE, FAINT, INK, PALE, STYLE, draw, framed, mark_modes, modes_of, of_data, plt
from zoo.statistics import Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from toy_data import Data

Curve = tuple[Values, Values, Values, Values]
"""Rounds, the middle over seeds, and the ends of its interval: each ``[R]``."""
BLUE, ORANGE = COLOURS[0], COLOURS[1]
BINS = 96
LOOKS = tuple(("os^DvPX"[i % 7], COLOURS[i % 6]) for i in range(42))
"""A mark and a colour for each run, no two of them alike."""
NAME = 24
"""Characters of a run's name in a line."""


def png(figure: Figure, dpi: int = 110, *, tight: bool = True) -> bytes:
    """The figure as a PNG; it is closed."""
    out = io.BytesIO()
    figure.savefig(out, dpi=dpi, facecolor="white", bbox_inches="tight" if tight else None)
    plt.close(figure)
    return out.getvalue()


def curves(lines: Mapping[str, Curve], name: str, top: float | None, dashed: Mapping[str, float]) -> bytes:
    """A panel per run with its curve and band, all other runs in grey behind it; ``dashed`` are the reference samplers."""
    rows = math.ceil(len(lines) / 4)
    columns = math.ceil(len(lines) / rows)
    wide = max(2.6, 4.6 / columns)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(wide * columns, 0.73 * wide * rows + 0.2),
            squeeze=False,
            sharex=True,
            sharey=True,
            layout="constrained",
        )
        for axis in axes.flat[len(lines) :]:
            axis.set_axis_off()
        for axis in axes.flat[len(lines) - columns : len(lines)]:
            axis.tick_params(labelbottom=True)  # the last of its column, in whichever row
        for axis, (label, (rounds, middle, low, high)) in zip(axes.flat, lines.items(), strict=False):
            for other, (x, y, _, _) in lines.items():
                if other != label:
                    axis.plot(x, y, color="#c9c9c9", lw=0.7, zorder=1)
            for value in dashed.values():
                axis.axhline(value, color=PALE, lw=0.6, ls=(0, (4, 3)), zorder=0)
            axis.fill_between(rounds, low, high, color=BLUE, alpha=0.22, lw=0, zorder=2)
            axis.plot(rounds, middle, color=BLUE, lw=1.8, zorder=3)
            axis.set_title(fill(label, NAME + 4), color=INK, loc="left")
            axis.grid(axis="y", color=FAINT, lw=0.5)
            axis.tick_params(length=0)
        if top is not None:
            axes[0][0].set_ylim(-0.03 * top, 1.06 * top)
        figure.supxlabel("rounds", fontsize=9)
        figure.supylabel(name, fontsize=9)
        return png(figure)


def strips(
    values: Mapping[str, Values],
    middles: Mapping[str, tuple[float, float, float]],
    name: str,
    dashed: Mapping[str, float],
) -> bytes:
    """A line per run with a dot for every seed, and their mean with its interval: nobody hides behind a mean."""
    rng = np.random.default_rng(0)
    everything = np.concatenate([*values.values(), np.array([*dashed.values()], dtype=float)])
    span = float(np.ptp(everything[np.isfinite(everything)])) if np.isfinite(everything).any() else 1.0
    with plt.rc_context(STYLE):
        names = [fill(label, NAME + 4) for label in values]
        line = max(0.42, 0.17 * max(name.count("\n") + 1 for name in names) + 0.08)
        figure, axis = plt.subplots(figsize=(7.2, line * len(values) + 1.0), layout="constrained")
        for value in dashed.values():
            axis.axvline(value, color=PALE, lw=0.7, ls=(0, (4, 3)), zorder=0)
        for together in _together(dashed, span):
            axis.annotate(
                ", ".join(together),
                (dashed[together[0]], 1),
                (0, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                color=PALE,
            )
        for i, (label, seeds) in enumerate(values.items()):
            known = seeds[np.isfinite(seeds)]
            axis.scatter(known, i + rng.uniform(-0.2, 0.2, len(known)), s=16, color=BLUE, alpha=0.45, lw=0, zorder=2)
            middle, low, high = middles[label]
            if math.isfinite(low) and math.isfinite(high):
                axis.plot([low, high], [i, i], color=INK, lw=2.4, solid_capstyle="butt", zorder=3)
            axis.plot([middle], [i], "o", ms=6, mfc="white", mec=INK, mew=1.4, zorder=4)
            if len(known) < len(seeds):
                lost = f"{len(seeds) - len(known)} diverged"
                axis.annotate(
                    lost,
                    (1, i),
                    (4, 0),
                    xycoords=("axes fraction", "data"),
                    textcoords="offset points",
                    va="center",
                    color=ORANGE,
                )
        axis.set_yticks(range(len(values)), names, color=INK)
        axis.set(xlabel=name, ylim=(len(values) - 0.5, -0.5))
        axis.grid(axis="x", color=FAINT, lw=0.5)
        axis.set_axisbelow(True)
        axis.tick_params(length=0)
        axis.spines["left"].set_visible(False)
        return png(figure)


def trade(
    points: Mapping[str, tuple[Values, Values]], names: tuple[str, str], dashed: Mapping[str, tuple[float, float]]
) -> bytes:
    """Diversity against quality: every seed a faint mark, each run's mean a large one of its own colour and shape, the reference samplers
    as crosses."""
    with plt.rc_context(STYLE):
        wrapped = {label: fill(label, NAME) for label in points}
        lines = sum(name.count("\n") + 1 for name in wrapped.values())
        figure, axis = plt.subplots(figsize=(8.6, max(4.6, 0.24 * lines + 0.4)), layout="constrained")
        rng = np.random.default_rng(0)
        for (label, (x, y)), (mark, colour) in zip(points.items(), itertools.cycle(LOOKS), strict=False):
            jitter = rng.uniform(-0.12, 0.12, len(y))  # whole numbers of modes would hide one another
            axis.scatter(x, y + jitter, s=14, color=colour, alpha=0.35, lw=0, zorder=2, marker=mark)
            spot = float(np.nanmean(x)), float(np.nanmean(y))
            # open, since they may coincide
            axis.plot(*spot, mark, ms=10, mfc="none", mec=colour, mew=1.8, zorder=4, label=wrapped[label])
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        for sampler, place in dashed.items():
            axis.plot(*place, "x", ms=7, color=PALE, mew=1.6, zorder=3)
            axis.annotate(sampler, place, (7, -10), textcoords="offset points", color=PALE)
        axis.set(xlabel=names[0], ylabel=names[1])
        axis.margins(0.09)
        axis.grid(color=FAINT, lw=0.5)
        axis.set_axisbelow(True)
        axis.tick_params(length=0)
        return png(figure)


def _together(places: Mapping[str, float], span: float) -> list[list[str]]:
    """Labels whose places along an axis of this span are too near for two texts, together."""
    groups: list[list[str]] = []
    for label, x in places.items():
        near = next((group for group in groups if abs(x - places[group[0]]) <= 0.15 * span), None)
        if near is None:
            groups.append([label])
        else:
            near.append(label)
    return groups


def density_grid(
    histories: Mapping[str, tuple[Sequence[int], NDArray[np.float32]]], data: Data, columns: int = 6
) -> bytes:
    """Runs by training time: ``label -> (rounds [R], samples [R, N, *data])`` of one seed; the last column is the data itself.

    An evaluation is drawn once, so a run with few has few panels; they end beside the data, as all runs do.
    """
    columns = min(columns, max(len(rounds) for rounds, _ in histories.values()))
    names = {label: fill(label, NAME) for label in histories}
    longest = max(len(line) for name in names.values() for line in name.splitlines())
    size, margin, foot = 1.3, 0.075 * longest + 0.15, 0.1
    wide, high = size * (columns + 1) + margin, size * len(histories) + foot
    target = of_data(data, DENSE if len(data.shape) == 1 else 25)
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(wide, high))
        for row, (label, (rounds, samples)) in enumerate(histories.items()):
            chosen = np.unique(np.linspace(0, len(rounds) - 1, columns).round().astype(int))
            at = 1 - (row + 0.5) * size / high
            figure.text((margin - 0.07) / wide, at, names[label], ha="right", va="center", fontsize=8)
            for column, i in enumerate([*chosen, None], start=columns - len(chosen)):
                # placed by hand: a layout engine takes longer over a hundred panels than drawing them does
                place = (margin + column * size, high - (row + 1) * size)
                axis = figure.add_axes((place[0] / wide, place[1] / high, 0.93 * size / wide, 0.87 * size / high))
                _density(axis, target if i is None else samples[i], data)
                axis.set_title("data" if i is None else f"{rounds[i]:,}", fontsize=7, color=PALE, pad=2)
        return png(figure, dpi=90, tight=False)


def _density(axis: Axes, samples: NDArray[np.float32], data: Data) -> None:
    """Points in the plane as a smoothed density with the modes marked; other data as ``zoo.looking.plots`` draws it."""
    modes = modes_of(data)
    if modes is None or data.shape != (2,):
        draw(axis, samples, data)
        axis.set_xlabel("")
        return
    middle = (modes.centres.max(0) + modes.centres.min(0)) / 2
    low, high = middle - modes.reach, middle + modes.reach
    known = samples[np.isfinite(samples).all(1)]
    counts, _, _ = np.histogram2d(known[:, 0], known[:, 1], bins=BINS, range=[(low[0], high[0]), (low[1], high[1])])
    smooth = gaussian_filter(counts, 1.2)
    axis.imshow(
        (smooth.T / (smooth.max() or 1)) ** 0.45,
        extent=(low[0], high[0], low[1], high[1]),
        origin="lower",
        cmap="Blues",
        vmin=0,
        vmax=1,
        interpolation="bilinear",
    )
    mark_modes(axis, modes, PALE, 0.4)
    framed(axis)
