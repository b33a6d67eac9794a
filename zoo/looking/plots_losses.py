"""A run's losses beside what they do not tell, as one picture that can be shown without a word beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from zoo.looking.plots import COLOURS, INK, PALE, STYLE, headline, plt, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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

    def of(name: str) -> NDArray[np.float64]:  # [seeds, rounds]
        return np.array([[table[r, s].get(name, np.nan) for r in rounds] for s in seeds], dtype=float)

    told = [m for m in TITLES if m in rows[-1]]
    accuracies = [name for name in ACCURACY if f"diagnostic/{name}" in rows[0]]
    panels = 1 + bool(accuracies) + len(told)
    columns = min(3, panels) if panels % 2 else 2
    down = -(-panels // columns)
    with plt.rc_context(STYLE | {"font.size": 11, "axes.titlesize": 12, "xtick.color": INK, "ytick.color": INK}):
        figure, axes = plt.subplots(
            down, columns, figsize=(5.2 * columns, 3.7 * down + 0.5), squeeze=False, layout="constrained"
        )
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
        for spare in axes.flat[panels:]:
            spare.set_axis_off()
        losses, *others = axes.flat[:panels]
        for player, colour in zip(players, COLOURS, strict=False):
            _spread(losses, rounds, of(f"loss/{player}"), colour, player)
        levels = {player: value for player, value in (equilibrium or {}).items() if player in players}
        if levels:
            losses.plot([], [], color=PALE, lw=1, ls=DASHES, label="where D cannot tell")
        _levels(losses, {v: LOGS.get(round(v, 6), f"{v:g}") for v in levels.values()})
        losses.set_title("Loss: it says nothing about coverage")
        _legend(losses, 3)
        if accuracies:
            judged, *others = others
            many = len(seeds) > FEW and len(rounds) > 1
            for name, colour in zip(accuracies, COLOURS, strict=False):
                (_band if many else _spread)(judged, rounds, of(f"diagnostic/{name}"), colour, ACCURACY[name])
            judged.set(title="D: 0.5 where it cannot tell" + "; bands: all seeds" * many, ylim=(-0.03, 1.05))
            _levels(judged, {0.5: "0.5"})
            _legend(judged, 2)
        for axis, name, colour in zip(others, told, COLOURS[2:], strict=False):
            _spread(axis, rounds, of(name), colour, "")
            known = {"modes": modes, "high_quality": 1}.get(name)
            top = known or max(filter(math.isfinite, (row.get(name, 0) for row in rows)), default=1) or 1
            axis.set(ylim=(-0.03 * top, 1.05 * top))
            axis.set_title(TITLES[name])
            if name == "high_quality" or (name == "modes" and modes):
                _levels(axis, {top: "all"})
        for axis in axes.flat[:panels]:
            axis.set_xlabel("rounds")
        headline(figure, "; ".join(filter(None, [title, "thick: median" if len(seeds) > 1 else ""])), 14)
        save(figure, path)


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
