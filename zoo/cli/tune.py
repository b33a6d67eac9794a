"""`zoo tune`: methods tuned with the same budget, then judged on seeds that no trial has seen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import sweeping, yours
from zoo.cli.starting import ends_at_once
from zoo.cli.sweep import command
from zoo.errors import ZooError

if TYPE_CHECKING:
    from rich.table import Table

    from zoo.runs.cell import Cell
    from zoo.sweeps.merit import Merit
    from zoo.sweeps.tuning import Trial

LEVEL = 0.05
"""Of the test by which two methods are told apart."""


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
    trial_seeds: Annotated[str, typer.Option(help="Seeds of every trial.")] = "100-103",
    seeds: Annotated[str, typer.Option(help="Seeds that judge the best trial of each method.")] = "0-15",
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
    """Four trials of each method's rates and strength, the best of them judged on new seeds, beside what is recorded of that recipe."""
    with ends_at_once():
        from zoo.cli.terminal import terminal
        from zoo.runs.cell import parse_seeds
        from zoo.runs.rundir import data_folder
        from zoo.sweeps import tuning
        from zoo.sweeps.executor import Wanted, choose, threads_for
        from zoo.sweeps.sweep import Sweep
        from zoo.sweeps.worker import Setup

    names = list(dict.fromkeys(name for word in variants.split(",") if (name := word.strip())))
    if not names:
        raise ZooError("Which methods? For example: zoo tune ns,r1 --recipe ring-tuned.")
    both = set(parse_seeds(trial_seeds)) & set(parse_seeds(seeds))
    if both:
        told = ", ".join(map(str, sorted(both)))
        raise ZooError(f"Seeds that judge are ones that no trial has seen; {told} would be both.")
    root = str(data_root) if data_root else None
    made = tuning.Tuning(data, recipe, protocol, root, tuning.alternatives(other or [], names))
    candidates = [candidate for name in names for candidate in made.candidates(name, trial_seeds)]
    merit = made.merit(names[0], by)
    files, console = tuple(str(path.absolute()) for path in plugin or ()), terminal()

    def train(cells: list[Cell], folder: Path) -> Sweep:
        """Those that end are in the folders of the sweep; Ctrl-C ends here."""
        one_each = list({cell.key: cell for cell in cells}.values())
        setup = Setup(threads_for(len(one_each), jobs), files, tf32)
        executor = choose("local", Wanted(device, jobs, setup, folder))
        sweep = Sweep(one_each, folder, executor, heard=sweeping.aloud)
        estimate = sweeping.foretell(sweep, device)
        if dry_run:
            raise typer.Exit(0)
        sweep.cells = estimate.longest_first(one_each) if estimate else one_each
        if sweep.left and sweeping.play(sweep, console, f"Go on with:\n  {command()}") == sweeping.STOPPED:
            raise typer.Exit(sweeping.STOPPED)
        return sweep

    print(f"{tuning.BUDGET} trials of each method on seeds {trial_seeds}; the best by {merit.rule}.")
    trials = tuning.reached(candidates, train([c.cell for c in candidates], out / "trials").folder_of, merit)
    if not trials:
        raise typer.Exit(1)
    console.print(table_of(trials, merit))
    one = candidates[0].cell
    tuning.keep(out / f"trials-{data_folder(one.data)}-{one.recipe_name}.csv", trials)
    print(f"Now the best of each on seeds {seeds}, which no trial has seen.")
    chosen = {name: tuning.best(of_one).settings for name, of_one in trials.items()}
    judged = train([made.cell(name, settings, seeds) for name, settings in chosen.items()], out / "judged")
    ended = [cell for cell in judged.cells if cell not in judged.left]
    if ended:
        for line in compared(ended, judged.folder_of):
            print(line)
    for failure in judged.track() if track else []:
        print(f"zoo: {failure}", file=sys.stderr)
    raise typer.Exit(0 if len(ended) == len(names) else 1)


def table_of(trials: Mapping[str, Sequence[Trial]], merit: Merit) -> Table:
    """Every trial; the best of each method has an arrow."""
    from rich.table import Table

    from zoo.runs.rundir import words
    from zoo.statistics import number
    from zoo.sweeps.tuning import best

    table = Table(title="Trials", title_style="bold")
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


def compared(cells: Sequence[Cell], folder_of: Callable[[Cell], Path]) -> Iterator[str]:
    """The table of these results and of those that are recorded of the recipe, and a sentence about each method."""
    from zoo.looking.compare import compare
    from zoo.looking.tables import render
    from zoo.sweeps.tuning import recorded

    beside = recorded(cells)
    folders = [folder_of(cell) for cell in cells]
    (table,) = compare([*folders, *beside], data=cells[0].data)
    yield render([table])
    if not beside:
        return
    yield f"The others ({len(beside)}) are recorded, tuned and judged in the same way: {beside[0].parent}"
    ours = {str(folder) for folder in folders}
    for label in (row.label for row in table.rows if row.path in ours):
        (against,) = compare([*folders, *beside], data=cells[0].data, reference=label)
        apart = [row.improvement for row in against.rows if row.p_holm is not None and row.p_holm < LEVEL]
        more = sum(chance > 0.5 for chance in apart if chance is not None)
        rest = len(against.rows) - 1 - len(apart)
        yield (
            f"{label}: of the {len(against.rows) - 1} others {more} better, {len(apart) - more} worse, {rest} not told "
            f"apart from it (Mann-Whitney, Holm's correction, {LEVEL:.0%})."
        )
