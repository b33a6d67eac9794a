"""D's landscape while training, as one picture of frames side by side: its output and its gradient's direction, with the samples on it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo.looking.plots import INK, STYLE, framed, mark_modes, modes_of, plt
from zoo.looking.plots_report import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from toy_data import Data

SHOWN, ARROWS, COLOURS_KEPT = 200, 11, 160
"""Samples in a panel, arrows along a side of it, and colours of the picture."""


class Scape(NamedTuple):
    """One seed of a run: rounds ``[R]``, D's output ``[R, side, side]``, samples ``[R, N, 2]``, and the square they stand in."""

    rounds: NDArray[np.int64]
    output: NDArray[np.float32]
    samples: NDArray[np.float32]
    square: NDArray[np.float32]


def frames(scapes: Mapping[str, Scape], data: Data, most: int = 8) -> tuple[bytes, int]:
    """A PNG of frames from left to right, each with a panel per run, at the same shares of their rounds; and how many frames there are."""
    count = min(most, max(len(s.rounds) for s in scapes.values()))
    rows = -(-len(scapes) // 4)
    columns = -(-len(scapes) // rows)
    panel = min(2.9, 6.9 / columns)
    names = {label: fill(label, int(panel / 0.065)) for label in scapes}
    gap = 0.12 + 0.115 * (max(name.count("\n") for name in names.values()) + 2)
    wide, high = columns * panel, rows * (panel + gap)
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(count * wide, high))
        for frame in range(count):
            for i, (label, scape) in enumerate(scapes.items()):
                row, column = divmod(i, columns)
                x, y = frame * wide + column * panel, high - (row + 1) * (panel + gap)
                # placed by hand: a layout engine takes longer over a hundred panels than drawing them does
                place = ((x + 0.03) / (count * wide), y / high, (panel - 0.06) / (count * wide), panel / high)
                axis = figure.add_axes(place)
                at = round(frame * (len(scape.rounds) - 1) / max(1, count - 1))
                _panel(axis, scape, at, data)
                axis.set_title(f"{names[label]}\nround {scape.rounds[at]:,}", fontsize=7, color=INK, pad=2)
        return _fewer_colours(png(figure, dpi=100, tight=False)), count


def _fewer_colours(picture: bytes) -> bytes:
    """The same PNG with a palette: a third of the size."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS_KEPT, dither=Image.Dither.NONE).save(out, format="PNG", optimize=True)
    return out.getvalue()


def _panel(axis: Axes, scape: Scape, at: int, data: Data) -> None:
    x0, x1, y0, y1 = scape.square
    output = scape.output[at]
    known = output[np.isfinite(output)]
    if len(known):
        middle = float(np.median(known))
        span = float(np.percentile(np.abs(known - middle), 98)) or 1.0
        axis.imshow(
            output,
            extent=(x0, x1, y0, y1),
            origin="lower",
            cmap="PuOr_r",
            interpolation="bilinear",
            vmin=middle - span,
            vmax=middle + span,
            alpha=0.85,
        )
        _arrows(axis, output, scape.square)
    if modes := modes_of(data):
        mark_modes(axis, modes, INK, 0.6)
    points = scape.samples[at][:SHOWN]
    axis.scatter(points[:, 0], points[:, 1], s=5, c="#101010", lw=0.3, edgecolors="white", zorder=4)
    axis.set(xlim=(x0, x1), ylim=(y0, y1))
    framed(axis)


def _arrows(axis: Axes, output: NDArray[np.float32], square: NDArray[np.float32]) -> None:
    """Where D's output grows, arrows longer where it grows faster (by the root, so that flat places show as well)."""
    up, right = (np.asarray(part) for part in np.gradient(output))
    chosen = np.linspace(1, len(output) - 2, ARROWS).round().astype(int)
    dx, dy = right[np.ix_(chosen, chosen)], up[np.ix_(chosen, chosen)]
    length = np.hypot(dx, dy)
    top = np.nanmax(length) if np.isfinite(length).any() else 0.0
    if not top > 0:
        return
    scale = np.sqrt(length / top) / np.where(length > 0, length, 1)
    x, y = (np.linspace(a, b, len(output))[chosen] for a, b in (square[:2], square[2:]))
    axis.quiver(
        x,
        y,
        dx * scale,
        dy * scale,
        angles="xy",
        scale=ARROWS * 1.5,
        width=0.006,
        color="#4a4a4a",
        alpha=0.75,
        zorder=3,
    )
