"""A run's losses beside what they do not tell, as one picture that can be shown without a word beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from zoo.looking.plots import COLOURS, INK, PALE, STYLE, headline, plt, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

ACCURACY = {
    "real_accuracy": "accuracy on real",
    "fake_accuracy": "accuracy on fake",
    "real_output": "mean output on real",
    "fake_output": "mean output on fake",
}
TITLES = {
    "modes": "Modes covered",
    "high_quality": "High-quality share of samples",
    "fid": "FID of our judge's features (lower is better)",
    "recall": "Recall: share of the data among samples",
    "precision": "Precision: share of samples near the data",
}
"""The metrics that stand beside the losses."""
LOGS = {
    round(sign * k * math.log(2), 6): f"{'-' * (sign < 0)}{'2 ' * (k == 2)}log 2" for sign in (1, -1) for k in (1, 2)
}
DASHES = (0, (4, 3))
FEW = 3
"""Seeds up to which each has a line of its own where four quantities share a panel."""
APART = 0.075
"""Share of an axis that a label's line of text needs."""


Of: TypeAlias = "Callable[[str], NDArray[np.float64]]"
"""What was measured under a name, ``[seeds, rounds]``, NaN where nothing was."""


def losses_figure(
    rows: Sequence[Mapping[str, Any]],
    players: Sequence[str],
    path: Path | IO[bytes],
    *,
    modes: int | None = None,
    equilibrium: Mapping[str, float] | None = None,
    title: str = "",
) -> None:
    """Each player's loss over the rounds (median over seeds, and all of them), and beside it what the loss does not tell: how D judges,
    where the variant says so (of many seeds a band), and the metrics.

    Dashed: what players' losses are where D cannot tell real from fake (``equilibrium``), D's accuracy there (1/2), and the most there is.
    """
    rounds = sorted({row["round"] for row in rows})
    seeds = sorted({row["seed"] for row in rows})
    table = {(row["round"], row["seed"]): row for row in rows}

    def of(name: str) -> NDArray[np.float64]:
        return np.array([[table[r, s].get(name, np.nan) for r in rounds] for s in seeds], dtype=float)

    told = [m for m in TITLES if m in rows[-1]]
    accuracies = [name for name in ACCURACY if f"diagnostic/{name}" in rows[0]]
    with plt.rc_context(STYLE | {"font.size": 11, "axes.titlesize": 12, "xtick.color": INK, "ytick.color": INK}):
        figure, (losses, *others) = _panels(1 + bool(accuracies) + len(told))
        levels = {player: value for player, value in (equilibrium or {}).items() if player in players}
        _losses(losses, rounds, players, of, levels.values())
        if accuracies:
            judged, *others = others
            _judged(judged, rounds, accuracies, of, many=len(seeds) > FEW and len(rounds) > 1)
        for axis, name, colour in zip(others, told, COLOURS[2:], strict=False):
            _spread(axis, rounds, of(name), colour, "")
            _metric(axis, name, modes, [row.get(name, 0) for row in rows])
        headline(figure, "; ".join(filter(None, [title, "thick: median" if len(seeds) > 1 else ""])), 14)
        save(figure, path)


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    """As many panels over rounds, two or three beside one another."""
    columns = min(3, n) if n % 2 else 2
    down = -(-n // columns)
    size = (5.2 * columns, 3.7 * down + 0.5)
    figure, axes = plt.subplots(down, columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    for axis in axes.flat[:n]:
        axis.set_xlabel("rounds")
    for spare in axes.flat[n:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:n])


def _losses(axis: Axes, rounds: list[int], players: Sequence[str], of: Of, levels: Collection[float]) -> None:
    for player, colour in zip(players, COLOURS, strict=False):
        _spread(axis, rounds, of(f"loss/{player}"), colour, player)
    if levels:
        axis.plot([], [], color=PALE, lw=1, ls=DASHES, label="where D cannot tell")
    _levels(axis, {v: LOGS.get(round(v, 6), f"{v:g}") for v in levels})
    axis.set_title("Loss: it says nothing about coverage")
    _legend(axis, 3)


def _judged(axis: Axes, rounds: list[int], names: Sequence[str], of: Of, *, many: bool) -> None:
    """How D judges; of ``many`` seeds as bands."""
    for name, colour in zip(names, COLOURS, strict=False):
        (_band if many else _spread)(axis, rounds, of(f"diagnostic/{name}"), colour, ACCURACY[name])
    axis.set(title="D: 0.5 where it cannot tell" + "; bands: all seeds" * many, ylim=(-0.03, 1.05))
    _levels(axis, {0.5: "0.5"})
    _legend(axis, 2)


def _metric(axis: Axes, name: str, modes: int | None, values: Sequence[float]) -> None:
    """Title and height of a metric's panel, and a line at the most there is."""
    known = {"modes": modes, "high_quality": 1}.get(name)
    top = known or max(filter(math.isfinite, values), default=1) or 1
    axis.set(title=TITLES[name], ylim=(-0.03 * top, 1.05 * top))
    if known:
        _levels(axis, {top: "all"})


def _legend(axis: Axes, columns: int) -> None:
    """Below the axis, where it covers no curve."""
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, fontsize=10, columnspacing=1.4)


def _levels(axis: Axes, names: Mapping[float, str]) -> None:
    """A dashed line at each value, and its name outside the axis at the right, where no curve runs over it."""
    for value in names:
        axis.axhline(value, color=PALE, lw=1, ls=DASHES, zorder=0)
    low, high = axis.get_ylim()
    below = -math.inf
    for value in sorted(names):
        below = max((value - low) / (high - low), below + APART)
        axis.annotate(
            names[value], (1, below), (5, 0), "axes fraction", "offset points", va="center", fontsize=10, color=INK
        )


def _spread(axis: Axes, rounds: list[int], lines: NDArray[np.float64], colour: str, label: str) -> None:
    """Every seed as a thin line, their median as a thick one: ``lines [seeds, rounds]``."""
    mark = "o" if len(rounds) == 1 else None  # a line through one point is not seen
    axis.plot(rounds, lines.T, color=colour, lw=0.6, alpha=0.4, marker=mark, ms=3)
    at, known = _known(rounds, lines)
    axis.plot(at, np.nanmedian(known, axis=0), color=colour, lw=2.2, marker=mark, label=label or None)


def _band(axis: Axes, rounds: list[int], lines: NDArray[np.float64], colour: str, label: str) -> None:
    """A band from the lowest seed to the highest, their median as a thick line: ``lines [seeds, rounds]``."""
    at, known = _known(rounds, lines)
    axis.fill_between(at, np.nanmin(known, axis=0), np.nanmax(known, axis=0), color=colour, alpha=0.18, lw=0)
    axis.plot(at, np.nanmedian(known, axis=0), color=colour, lw=2.2, label=label)


def _known(rounds: list[int], lines: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rounds at which a seed has a finite value, and the lines there, NaN for what is not finite."""
    finite = np.where(np.isfinite(lines), lines, np.nan)
    known = np.isfinite(lines).any(axis=0)
    return np.array(rounds)[known], finite[:, known]
