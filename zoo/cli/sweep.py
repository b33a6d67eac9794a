"""`zoo sweep`: the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.cli import yours
from zoo.cli.line import by_commas, command
from zoo.cli.starting import ends_at_once
from zoo.errors import ZooError


def sweep(
    file: Annotated[Path | None, typer.Argument(help="A TOML file with what stands in the options below.")] = None,
    variants: Annotated[str | None, typer.Option(help="Variants, with commas: ns,unrolled.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Data sets, with commas: ring,grid (else the recipe's own, else ring).")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,...", help="Values of an option or a recipe's field; may be given several times."
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Of every cell: how many (8), a range (0-7) or a list (3,5).")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A recipe (else each data set's own).")] = None,
    protocol: Annotated[str | None, typer.Option(help="How samples are counted.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of image data (else ZOO_DATA).")] = None,
    out: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    tf32: Annotated[bool, typer.Option("--tf32", help="Multiply in TF32 (GPU).")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Cells at a time (else one per core, or per GPU).")] = None,
    shard: Annotated[str | None, typer.Option(metavar="I/N", help="One of N machines that share --out.")] = None,
    on: Annotated[str, typer.Option(help="Where: local, or slurm or ray (extras of these names).")] = "local",
    job: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What a Slurm job gets: timeout_min=240, gpus_per_node=1, ..."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="A running Ray cluster (else one is started here).")
    ] = None,
    gpus_per_cell: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Of a GPU that a cell takes on Ray, such as 0.25 (else 1).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and end.")] = False,
    track: Annotated[bool, typer.Option("--track/--no-track", help="Log finished runs to MLflow in the end.")] = True,
    plugin: yours.Plugin = None,
) -> None:
    """Many runs: variants x data sets x options. Finished cells are skipped, begun ones go on; a failing one stops nothing."""
    with ends_at_once():
        from zoo.progress import sweeping
        from zoo.sweeps import grid as grids
        from zoo.sweeps import sweep as sweeps
        from zoo.sweeps.executor import Wanted, choose
        from zoo.sweeps.worker import Setup

    given: dict[str, Any] = {"seeds": seeds, "recipe": recipe, "protocol": protocol, "grid": grids.parse(grid or [])}
    given |= {
        "variants": by_commas(variants),
        "data": by_commas(data),
        "data_root": str(data_root) if data_root else None,
    }
    cells = grids.cells(grids.override(grids.read(file) if file else grids.Grid(), given))
    cells = sweeps.in_turn(cells, sweeps.parse_shard(shard) if shard else (1, 1))
    setup = Setup(plugins=tuple(str(path.absolute()) for path in plugin or ()), tf32=tf32)
    executor = choose(on, Wanted(device, jobs, len(cells), setup, out, _pairs(job or []), address, gpus_per_cell))
    made = sweeps.Sweep(cells, out, executor, heard=sweeping.aloud)
    sweeping.foretell(made, device, in_order=bool(shard))  # shards take turns in the order that they agree on
    if dry_run:
        raise typer.Exit(0)
    from zoo.progress.terminal import terminal

    code = sweeping.play(made, terminal(), f"Go on with:\n  {command()}") if made.left else 0
    if track and shard and not _server():
        print(f"Not logged to MLflow, since shards would write one file at once; when all have ended: zoo track {out}")
    elif track and code != sweeping.STOPPED:
        for failure in made.track():
            print(f"zoo: {failure}", file=sys.stderr)
    raise typer.Exit(code)


def _pairs(given: Sequence[str]) -> dict[str, str]:
    found = dict(text.partition("=")[::2] for text in given)
    if not all(found.values()):
        raise ZooError(f"--job takes a name and a value, such as timeout_min=240, not '{' '.join(given)}'.")
    return found


def _server() -> bool:
    """Whether MLflow is a server, to which several may write."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").startswith("http")
