"""`zoo verify`: recorded runs trained again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import yours
from zoo.cli.starting import ends_at_once


def verify(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Finished runs' directories, or folders that hold some.")
    ],
    device: Annotated[
        str, typer.Option(help="auto (the kind that the run was made on), cpu, cuda or cuda:1.")
    ] = "auto",
    plugin: yours.Plugin = None,
) -> None:
    """Train recorded runs again, as they were begun, and tell whether their numbers come again; exit code 1 where some do not."""
    with ends_at_once():
        from rich.table import Table

        from zoo.errors import counted
        from zoo.progress.terminal import Live, terminal
        from zoo.runs.rundir import find, read
        from zoo.runs.verifying import verify as again
        from zoo.statistics import number

        runs = [read(folder) for folder in find(folders)]
        for run in runs:  # all of them, before one trains
            run.must_be_finished()
    console, all_same = terminal(), True
    for run in runs:
        listener = Live(console)
        try:
            found = again(run, device=device, listener=listener)
        finally:
            listener.close()
        table = Table("", "recorded", "now", "seeds with the same number", title=str(run.path))
        for name, one in found.metrics.items():
            table.add_row(name, number(one.recorded), number(one.now), f"{one.same} of {one.seeds}")
        console.print(table)
        for name in found.missing:
            console.print(f"Not measured here: {name}.")
        if found.same:
            console.print(
                f"Every number of {counted(len(run.seeds), 'seed')} came again, to the last bit.", soft_wrap=True
            )
        else:
            why = (
                f"It was recorded with {'; '.join(found.other)}."
                if found.other
                else "Nothing that is recorded of versions and machine differs."
            )
            console.print(f"Some numbers did not come again. {why}", soft_wrap=True)
        all_same &= found.same
    raise typer.Exit(0 if all_same else 1)
