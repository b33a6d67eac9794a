"""The pictures that a finished run leaves in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.runs import rundir
from zoo.statistics import number

if TYPE_CHECKING:
    from zoo.runs.session import Session


def draw(run: Session) -> None:
    """samples.png, losses.png, strip.png and samples.gif, from the run's files."""
    from zoo.looking import plots, plots_losses

    cell, data, folder, game = run.cell, run.data.to("cpu"), run.folder, run.training.game
    written = rundir.read(folder)
    kept = written.arrays("samples", "history", "rounds")
    samples, history, rounds = kept["samples"], kept["history"], kept["rounds"].tolist()
    final = [row for row in run.rows if row["round"] == cell.recipe.rounds]
    plots.samples_figure(
        samples,
        data,
        cell.seeds,
        folder / "samples.png",
        origin=game.variant.origin(samples.shape[1]),
        title=f"{written.title}, after {cell.recipe.rounds:,} rounds",
        captions=[caption(row, data.modes) for row in final if {"modes", "recall"} & {*row}],
    )
    plots_losses.losses_figure(
        run.rows,
        [p.name for p in game.players],
        folder / "losses.png",
        modes=data.modes,
        equilibrium=game.variant.equilibrium,
        title=written.title,
    )
    name = written.title.rpartition(",")[0]
    plots.strip_figure(
        history[:, 0], rounds, data, folder / "strip.png", title=f"{name}, seed {cell.seeds[0]}, by rounds"
    )
    plots.film(history, rounds, data, folder / "samples.gif", seeds=cell.seeds, title=name)


def caption(row: dict[str, Any], modes: int | None) -> str:
    """One seed's result in a few words."""
    parts = {
        "modes": lambda value: f"{value:.0f} of {modes} modes",
        "high_quality": lambda value: f"{100 * value:.0f} % high quality",
        "fid": lambda value: f"FID {number(value)}",
        "recall": lambda value: f"recall {value:.2f}",
        "precision": lambda value: f"precision {value:.2f}",
    }
    return ", ".join(told(row[name]) for name, told in parts.items() if name in row)
