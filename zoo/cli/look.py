"""The part of the command line for looking at runs: `zoo watch`, `zoo ui`, `zoo compare`, `zoo report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo.cli import yours
from zoo.cli.starting import ends_at_once


def watch(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's directory; it may be one that is yet to begin.")
    ],
    terminal: Annotated[bool, typer.Option("--terminal", help="In the terminal, without a browser.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page (else any free one).")] = 0,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
    plugin: yours.Plugin = None,
) -> None:
    """A run while it goes on, or when it is done: losses, modes covered, samples; a page on this machine's loopback, or a table."""
    if terminal:
        with ends_at_once():
            from zoo.looking.watch import in_terminal
            from zoo.progress.terminal import terminal as console

        in_terminal(folder, console())
    else:
        from zoo.looking.watch_page import serve

        serve(folder, port, open_browser)


def ui(
    folder: Annotated[Path, typer.Argument(help="The folder of runs whose MLflow file is shown.")] = Path("runs"),
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port (else the first free one from 5000).")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
) -> None:
    """The MLflow comparison UI on this machine's loopback, opened at a prepared view."""
    from zoo.looking import server

    raise typer.Exit(server.serve(port=port, open_browser=open_browser, root=folder))


def compare(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Run directories, or folders that hold some (else runs).")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Only runs on this data set.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="What to compare: modes, high_quality, ... (else modes, or the first that was measured)."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="The run that others are compared with (else ns or vanilla).")
    ] = None,
    equal: Annotated[
        str | None, typer.Option(help="At equal cost: cpu_seconds_per_seed, gflop_per_seed, D_updates, G_updates.")
    ] = None,
    style: Annotated[str, typer.Option("--format", help="table, md, latex, csv or json.")] = "table",
) -> None:
    """Runs against one another, from their files: means over seeds with intervals, collapsed seeds, probability of improvement, cost."""
    from zoo.looking.compare import compare
    from zoo.looking.tables import render

    print(render(compare(folders or [Path("runs")], metric, data=data, reference=reference, equal=equal), style))


def report(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Run directories, or folders that hold some (else runs).")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path("report.html"),
    data: Annotated[str | None, typer.Option(help="Only runs on this data set.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="The run that others are compared with (else ns or vanilla).")
    ] = None,
) -> None:
    """One self-contained page: verdicts in words, tables, every seed, training over time, and the commands."""
    from zoo.looking.report import write_report

    print(write_report(folders or [Path("runs")], out, data=data, reference=reference))
