"""`zoo tune`: methods tuned with the same budget, then judged on seeds that no trial has seen."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baselines.spaces import JUDGED, TRIED
from zoo.cli import yours
from zoo.cli.line import by_commas, command
from zoo.cli.starting import ends_at_once
from zoo.progress import sweeping

if TYPE_CHECKING:
    from rich.table import Table

    from zoo.runs.cell import Cell
    from zoo.sweeps.merit import Merit
    from zoo.sweeps.tuning import Trial


def tune(
    variants: Annotated[str, typer.Argument(metavar="VARIANTS", help="Methods, with commas: ns,r1,my-gan.")],
    data: Annotated[str | None, typer.Option(help="What is learnt (else the recipe's own, else ring).")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe: ring-tuned, grid-tuned, ... (else the data's own).")
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="A strength to try beside the usual one, at two pairs of rates instead of four."
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="METRIC", help="What chooses (else modes times quality, or FID).")
    ] = None,
    trial_seeds: Annotated[str, typer.Option(help="Seeds of every trial.")] = TRIED,
    seeds: Annotated[str, typer.Option(help="Seeds that judge the best trial of each method.")] = JUDGED,
    protocol: Annotated[str | None, typer.Option(help="How samples are counted.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of image data (else ZOO_DATA).")] = None,
    out: Annotated[Path, typer.Option(help="Folder of trials and judged runs.")] = Path("runs/tuning"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    tf32: Annotated[bool, typer.Option("--tf32", help="Multiply in TF32 (GPU).")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Runs at a time (else one per core, or per GPU).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be tried, and end.")] = False,
    track: Annotated[bool, typer.Option("--track/--no-track", help="Log the judged runs to MLflow.")] = True,
    plugin: yours.Plugin = None,
) -> None:
    """Five trials of each method's rates and strength, the best of them judged on new seeds, beside what is recorded of that recipe."""
    with ends_at_once():
        from zoo.progress.terminal import terminal
        from zoo.sweeps import tuning
        from zoo.sweeps.executor import Wanted, choose
        from zoo.sweeps.sweep import Sweep
        from zoo.sweeps.worker import Setup

    names = list(dict.fromkeys(by_commas(variants)))
    files, console = tuple(str(path.absolute()) for path in plugin or ()), terminal()

    def train(cells: list[Cell], folder: Path) -> Sweep:
        """To their end, or until Ctrl-C, which ends the command."""
        executor = choose("local", Wanted(device, jobs, len(cells), Setup(plugins=files, tf32=tf32), folder))
        sweep = Sweep(cells, folder, executor, heard=sweeping.aloud)
        sweeping.foretell(sweep, device)
        if dry_run:
            raise typer.Exit(0)
        if sweep.left and sweeping.play(sweep, console, f"Go on with:\n  {command()}") == sweeping.STOPPED:
            raise typer.Exit(sweeping.STOPPED)
        return sweep

    on = tuning.Tuning(data, recipe, protocol, data_root, tuning.alternatives(other or [], names))

    def shown(trials: dict[str, list[Trial]], merit: Merit) -> None:
        console.print(table_of(trials, merit))

    found = tuning.tune(
        on, names, out, train, by=by, trial_seeds=trial_seeds, seeds=seeds, heard=sweeping.aloud, shown=shown
    )
    judged = found.judged
    ended = judged.ended if judged else []
    if judged and ended:
        from zoo.looking.standing import stand
        from zoo.looking.tables import render

        beside = on.recorded(ended)
        table, sentences = stand(
            [judged.folder_of(cell) for cell in ended], beside, ended[0].data, found.merit.compared
        )
        print(render([table]), *sentences, sep="\n")
        for failure in judged.track() if track else []:
            print(f"zoo: {failure}", file=sys.stderr)
    raise typer.Exit(0 if len(ended) == len(names) else 1)


def table_of(trials: Mapping[str, Sequence[Trial]], merit: Merit) -> Table:
    """Every trial; the best of each method has an arrow."""
    from rich.table import Table

    from zoo.runs.naming import words
    from zoo.statistics import number
    from zoo.sweeps.tuning import best

    table = Table(title="Trials", title_style="bold", caption=f"Score, of which the highest is chosen: {merit.rule}.")
    measured = next(iter(trials.values()))[0].measured
    table.add_column("")
    table.add_column("setting")
    for name in (*measured, "score"):
        table.add_column(merit.title if name == merit.metric else name, justify="right")
    for name, of_one in trials.items():
        for trial in of_one:
            numbers = [number(value) for value in (*trial.measured.values(), trial.score)]
            style = "bold" if trial is best(of_one) else None
            table.add_row("→" if style else "", " ".join([name, *words(trial.settings)]), *numbers, style=style)
        table.add_section()
    return table
