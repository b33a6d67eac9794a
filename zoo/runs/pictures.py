"""The pictures that a finished run leaves in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from zoo.runs.session import Run


def draw(run: Run) -> None:
    """samples.png, losses.png, strip.png and samples.gif, from the run's files."""
    from zoo.looking import plots

    cell, data, folder, game = run.cell, run.data.to("cpu"), run.folder, run.training.game
    with np.load(folder / "samples.npz") as kept:
        samples, history, rounds = kept["samples"], kept["history"], kept["rounds"].tolist()
    name = f"{cell.variant} on {cell.data}"
    final = [row for row in run.rows if row["round"] == cell.recipe.rounds]
    plots.samples_figure(
        samples,
        data,
        cell.seeds,
        folder / "samples.png",
        origin=game.variant.origin(samples.shape[1]),
        title=f"{name}, after {cell.recipe.rounds:,} rounds",
        captions=[caption(row) for row in final if "modes" in row],
    )
    players, equilibrium = [p.name for p in game.players], game.variant.equilibrium
    plots.losses_figure(run.rows, players, folder / "losses.png", modes=data.modes, equilibrium=equilibrium)
    title = f"{name}, seed {cell.seeds[0]}"
    plots.strip_figure(history[:, 0], rounds, data, folder / "strip.png", title=title)
    plots.film(history, rounds, data, folder / "samples.gif", seeds=cell.seeds, title=name)


def caption(row: dict[str, Any]) -> str:
    """One seed's result in a few words."""
    share = f", {100 * row['high_quality']:.0f} %" if "high_quality" in row else ""
    return f"{row['modes']:.0f} modes{share}"
