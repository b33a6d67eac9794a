"""The part of the command line for a variant of your own: `zoo check`, `zoo new-variant`, and --plugin FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo import variants
from zoo.cli.starting import ends_at_once
from zoo.errors import counted
from zoo.extending import plugins


def _load(files: list[Path] | None) -> list[Path] | None:
    with ends_at_once():
        for file in files or ():
            plugins.load_file(file)
    return files


Plugin = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        callback=_load,
        metavar="FILE",
        help="A Python file with a variant, data set or metric of your own (of `zoo run`: before the variant's name).",
        rich_help_panel="Run",
    ),
]


def check(
    variant: Annotated[
        list[str], typer.Argument(metavar="VARIANT...", help="Variants by name, or Python files with your own.")
    ],
) -> None:
    """Does a variant hold to the contract? Builds, finite, pure, seeds apart, traced, resumed, options in range, a source."""
    with ends_at_once():
        names = [
            name for given in variant for name in (plugins.variants_of(given) if given.endswith(".py") else [given])
        ]
        for name in names:
            variants.load(name)  # an unknown one is told before the first is played
        import torch

        from zoo.extending import contract

    torch.set_num_threads(1)
    wrong = 0
    for name in names:
        findings = contract.check(name)
        wrong += bool(findings)
        told = f"{counted(len(findings), 'thing')} to mend" if findings else "holds to the contract"
        print(f"{name}: {told}")
        for finding in findings:
            print(f"  {finding}")
    raise typer.Exit(1 if wrong else 0)


def new_variant(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits, hyphens.")],
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path("."),
) -> None:
    """A file and its test to start from; they pass `zoo check` as they are."""
    from zoo.extending import scaffold

    module, test = scaffold.new_variant(name, folder)
    print(f"wrote {module} and {test}\n  zoo check {module}\n  zoo run --plugin {module} {name}")
