"""Pictures of a run. Nothing but ``plots*`` imports matplotlib.

Small multiples, one panel per seed, so that nobody hides behind a mean; the true modes are always drawn, and colours can be told apart by
colour-blind readers (Okabe & Ito 2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection, LineCollection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from toy_data import Data

INK, PALE, FAINT = "#222222", "#8a8a8a", "#e3e3e3"
BEHIND, DENSE = 1000, 2000
"""Points of the data that are drawn behind samples, and that stand for its density."""
SMALL = 40
"""An ellipse whose longer half axis is less than this part of a panel's half width is hard to find."""
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000"]
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.edgecolor": PALE,
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "text.color": INK,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "legend.frameon": False,
}


def save(figure: Figure, path: Path | IO[bytes]) -> None:
    figure.savefig(path, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def headline(figure: Figure, text: str, size: float = 11) -> None:
    """A title over the figure, in as many lines as its width asks for."""
    figure.suptitle(fill(text, int(figure.get_figwidth() / (0.0086 * size))), fontsize=size, color=INK)


def _panels(n: int, size: float = 2.3, most: int = 4) -> tuple[Figure, list[Axes]]:
    columns = min(n, most)
    rows = math.ceil(n / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, size * rows + 0.5), squeeze=False, layout="constrained"
    )
    for spare in axes.flat[n:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:n])


def samples_figure(
    samples: np.ndarray,
    data: Data,
    seeds: Sequence[int],
    path: Path,
    *,
    origin: Tensor | None = None,
    title: str = "",
    captions: Sequence[str] = (),
) -> None:
    """One panel per seed of its final samples ``[S, N, *data]``, with the true modes; ``origin [N]`` colours them by generator."""
    shown = min(len(seeds), 16)
    with plt.rc_context(STYLE):
        figure, axes = _panels(shown, size=max(2.55, 4.2 / shown))
        for i, axis in enumerate(axes):
            draw(axis, samples[i], data, origin=origin)
            caption = f"\n{captions[i]}" if captions else ""
            axis.set_title(f"seed {seeds[i]}{caption}", color=INK, pad=4, fontsize=8)
        note = "" if shown == len(seeds) else f" (the first {shown} of {len(seeds)} seeds)"
        headline(figure, title + note + plane(data))
        save(figure, path)


def draw(axis: Axes, samples: np.ndarray, data: Data, *, origin: Tensor | None = None) -> None:
    """Samples ``[N, *data]`` of one seed: points with the true modes, a density on a line, or a grid of images."""
    if len(data.shape) == 3:
        _images(axis, samples)
    elif data.shape == (1,):
        _line(axis, samples, data)
    else:
        _points(axis, samples, data, origin)


def of_data(data: Data, n: int) -> np.ndarray:
    """The same samples of the data ``[n, *data]`` each time: a picture drawn again is the same, and so are the axes of a film's frames."""
    import torch

    return data.sample(n, torch.Generator().manual_seed(0)).numpy()


def plane(data: Data) -> str:
    """What a title says where points are drawn by their first two coordinates alone."""
    many = data.shape[0]
    return f" (first two of {many:,} coordinates)" if len(data.shape) == 1 and many > 2 else ""


def _points(axis: Axes, samples: np.ndarray, data: Data, origin: Tensor | None) -> None:
    """The first two coordinates, with the modes marked; where none are known, the data in grey behind."""
    size, alpha = dots(len(samples))
    modes = modes_of(data)
    if modes:
        mark_modes(axis, modes, INK, 0.6)
        middle, reach = (modes.centres.max(0) + modes.centres.min(0)) / 2, modes.reach
    else:
        behind = of_data(data, BEHIND)[:, :2]
        axis.scatter(behind[:, 0], behind[:, 1], s=2.2, c=PALE, alpha=0.3, lw=0, zorder=1, rasterized=True)
        middle = (behind.max(0) + behind.min(0)) / 2
        reach = float((behind.max(0) - behind.min(0)).max()) * 0.6 or 1.0
    colours = COLOURS[0] if origin is None else [COLOURS[int(g) % len(COLOURS)] for g in origin[: len(samples)]]
    axis.scatter(samples[:, 0], samples[:, 1], s=size, c=colours, alpha=alpha, lw=0, zorder=2, rasterized=True)
    axis.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
    axis.set_aspect("equal")
    framed(axis)


def framed(axis: Axes) -> None:
    """A faint frame instead of ticks, around a picture whose axes need no numbers."""
    axis.set(xticks=[], yticks=[])
    for side in axis.spines.values():
        side.set_visible(True)
        side.set_color(FAINT)


def dots(n: int) -> tuple[float, float]:
    """Area and opacity of each of ``n`` dots: few are larger and darker, while many must not hide the modes and their own density."""
    few = math.sqrt(max(500 / max(n, 1), 1))
    return min(2.2 * few, 30), min(0.35 * math.sqrt(few), 0.9)


def walk_figure(samples: np.ndarray, data: Data, path: Path, *, title: str = "") -> None:
    """A walk ``[n, d]`` through a generator's samples, joined in order, its ends marked."""
    with plt.rc_context(STYLE):
        figure, (axis,) = _panels(1, size=4.2)
        draw(axis, samples, data)
        if data.shape != (1,):
            x, y = samples[:, 0], samples[:, 1]
            axis.plot(x, y, color=COLOURS[1], lw=1.2, zorder=2.5)
            for i, mark, size, inside in ((0, "o", 11, "none"), (-1, "s", 5, COLOURS[1])):  # seen in one place too
                name = "end" if i else "start"
                axis.plot(x[i], y[i], mark, ms=size, mfc=inside, mec=COLOURS[1], mew=1.6, zorder=4, label=name)
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2)
        headline(figure, title)
        save(figure, path)


class Modes(NamedTuple):
    """A mixture's modes in its first two coordinates, as ellipses of three standard deviations; and how far a picture should reach."""

    centres: np.ndarray
    """``[K, 2]``"""
    axes: np.ndarray
    """Half axes ``[K, 2]``, the shorter first."""
    angles: np.ndarray
    """Of the first of them against the horizontal, in degrees ``[K]``."""
    reach: float


def modes_of(data: Data) -> Modes | None:
    """The modes that a picture marks; None where the data are no mixture, or lie on a line, which has no ellipses."""
    import toy_data

    if not isinstance(data, toy_data.Mixture) or data.shape == (1,):
        return None
    first = data.centres.cpu().numpy()[:, :2]
    squares, directions = np.linalg.eigh(data.covariances.cpu().numpy()[:, :2, :2])
    half = 3 * np.sqrt(squares.clip(0))
    angles = np.degrees(np.arctan2(directions[:, 1, 0], directions[:, 0, 0]))
    spread = float((first.max(0) - first.min(0)).max()) / 2
    return Modes(first, half, angles, (spread or 1.0) * 1.35 + float(half.max()))


def mark_modes(axis: Axes, modes: Modes, colour: str, width: float) -> None:
    """The ellipse of every mode, and four ticks that point at one too small to find.

    It is never drawn larger than it is: whoever counts the dots inside must find those of high quality.
    """
    centres, half, angles, reach = modes
    axis.add_collection(
        EllipseCollection(
            2 * half[:, 0],
            2 * half[:, 1],
            angles,
            units="xy",
            offsets=centres,
            offset_transform=axis.transData,
            fc="none",
            ec=colour,
            lw=width,
            zorder=3,
        )
    )
    small = half.max(1) < reach / SMALL
    apart = np.hypot(*(centres[:, None] - centres).transpose(2, 0, 1))
    nearest = float(apart[apart > 0].min(initial=math.inf))
    from_to = np.array([1.9, 3.4])[:, None] * min(reach / SMALL, nearest / 12)  # short of the neighbours' own
    outward = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])[:, None] * from_to
    ticks = (centres[small][:, None, None] + outward[None]).reshape(-1, 2, 2)
    axis.add_collection(LineCollection(list(ticks), colors=colour, lw=width, alpha=0.7, zorder=1.5))


def _line(axis: Axes, samples: np.ndarray, data: Data) -> None:
    """A histogram of the samples over the true density."""
    import torch

    reference = of_data(data, DENSE)[:, 0]
    low, high = reference.min(), reference.max()
    pad = (high - low) * 0.08 or 1.0
    edges = np.linspace(low - pad, high + pad, 120)
    axis.hist(samples[:, 0], bins=edges.tolist(), density=True, color=COLOURS[0], alpha=0.55, lw=0)
    if hasattr(data, "log_density"):
        at = torch.linspace(float(edges[0]), float(edges[-1]), 800)[:, None]
        axis.plot(at[:, 0], data.log_density(at).exp(), color=INK, lw=0.8)
    axis.set(yticks=[], xlim=(edges[0], edges[-1]))


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Images ``[N, c, h, w]`` in [-1, 1] as one picture ``[H, W, 3]`` in [0, 1], a pixel of white between them.

    One channel is grey, two are red and green, of more than three the first three are drawn.
    """
    n, c, h, w = images.shape
    black = np.full((n, max(0, 3 - c), h, w), -1.0)
    shown = np.broadcast_to(images, (n, 3, h, w)) if c == 1 else np.concatenate([images[:, :3], black], axis=1)
    rows = math.ceil(n / columns)
    sheet = np.ones((rows * (h + 1) - 1, columns * (w + 1) - 1, 3))
    for i, image in enumerate(shown):
        y, x = divmod(i, columns)
        sheet[y * (h + 1) : y * (h + 1) + h, x * (w + 1) : x * (w + 1) + w] = image.transpose(1, 2, 0) / 2 + 0.5
    return sheet.clip(0, 1)


def grid(images: np.ndarray, columns: int, path: Path, least: int = 112) -> None:
    """Images ``[N, c, h, w]`` in [-1, 1] as a picture, each pixel a square of whole pixels, so that an image is ``least`` pixels wide or more."""
    from PIL import Image

    scale = math.ceil(least / images.shape[-1])
    sheet = (tile(images, columns) * 255).round().astype(np.uint8)
    Image.fromarray(sheet.repeat(scale, 0).repeat(scale, 1)).save(path)


def _images(axis: Axes, samples: np.ndarray) -> None:
    axis.imshow(tile(samples[:25], 5), interpolation="nearest")
    axis.set_axis_off()


def strip_figure(
    history: np.ndarray, rounds: Sequence[int], data: Data, path: Path, *, title: str = "", most: int = 6
) -> None:
    """One seed's samples over training: ``history [R, N, *data]`` at ``rounds``, ``most`` of them evenly spread."""
    chosen = np.unique(np.linspace(0, len(rounds) - 1, most).round().astype(int))
    with plt.rc_context(STYLE):
        figure, axes = _panels(len(chosen), size=max(1.9, 3.8 / len(chosen)), most=most)
        for axis, i in zip(axes, chosen, strict=True):
            draw(axis, history[i], data)
            axis.set_title(f"round {rounds[i]:,}")
        headline(figure, title + plane(data), 10)
        save(figure, path)


def film(
    history: np.ndarray, rounds: Sequence[int], data: Data, path: Path, *, seeds: Sequence[int] = (0,), title: str = ""
) -> None:
    """A GIF of samples over training, from the same latents: ``history [R, S, N, *data]``, up to four seeds in a square."""
    from PIL import Image

    shown = list(range(min(len(seeds), 4)))
    frames = []
    with plt.rc_context(STYLE | {"savefig.dpi": 90}):
        for frame, played in zip(history, rounds, strict=True):
            figure, axes = _panels(len(shown), size=2.2, most=2)
            for axis, i in zip(axes, shown, strict=True):
                draw(axis, frame[i], data)
                axis.set_title(f"seed {seeds[i]}")
            headline(figure, f"{title}, round {played:,}", 10)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))
            plt.close(figure)
    durations = [160] * (len(frames) - 1) + [1500]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)
