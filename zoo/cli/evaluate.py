"""`zoo eval`: every metric on samples of any origin, beside what reference samplers score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from zoo.cli import yours
from zoo.cli.line import by_commas
from zoo.cli.starting import ends_at_once
from zoo.errors import counted


def evaluate_samples(
    samples: Annotated[Path, typer.Argument(help=".npy, .npz, .csv, .pt, a folder of images, or a run directory.")],
    data: Annotated[str | None, typer.Option(help="What the samples imitate (a run directory knows).")] = None,
    metrics: Annotated[str | None, typer.Option(help="Names from `zoo list metrics`, separated by commas.")] = None,
    references: Annotated[
        str | None,
        typer.Option(help="Samplers to stand beside: data, memoriser, half, ... (else data,collapsed,noise)."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="How samples are counted: `zoo list protocols` (else as published on this data).")
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of image data (else ZOO_DATA).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, and nothing else.")] = False,
    plugin: yours.Plugin = None,
) -> None:
    """How collapsed are these samples? Every metric, beside what the data itself, a collapsed sampler and noise score, and the verdict."""
    with ends_at_once():
        from zoo.evaluation import subjects
        from zoo.evaluation.evaluate import evaluate
        from zoo.files import finite
        from zoo.progress.terminal import judge_bar

    names, beside = by_commas(metrics) or None, by_commas(references) or None
    root, ais = str(data_root) if data_root else None, "ais" in (names or ())
    with judge_bar(quiet=as_json) as heard:
        source = subjects.load(samples, data, root, protocol=protocol, generators=ais, progress=heard)
        found = evaluate(
            source.mixed,
            source.data,
            names,
            protocol=source.protocol,
            references=beside,
            generators=source.generators,
            history=source.history,
            progress=heard,
        )
    found["verdict"] = subjects.in_words(source) if "modes" in found["metrics"] else []
    if as_json:
        print(json.dumps(finite(found), indent=2))
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    """The table: each metric's mean and interval over seeds, the reference samplers, and the time it took."""
    from rich.table import Table

    from zoo.cli.summary import right, shares
    from zoo.looking.tables import interval
    from zoo.progress.terminal import terminal
    from zoo.statistics import shown, summarise

    console, protocol = terminal(), found["protocol"]
    title = f"{counted(protocol['seeds'], 'seed')} of {protocol['samples']:,} samples, protocol {protocol['name']}"
    table = Table(title=title, title_style="bold")
    table.add_column("")
    for head in ("mean", "95 % interval", "better", *found["reference"], "seconds"):
        table.add_column(head, justify="right")
    for name, value in found["metrics"].items():
        values = value if isinstance(value, list) else [value]
        over = summarise(values)
        band = interval(shown(over.ci95, over.n), "{:.4g}".format)
        only = f" ({over.n} of {len(values)} seeds)" if over.missing else ""
        others = (f"{scores[name]:.4g}" if name in scores else "" for scores in found["reference"].values())
        better, took = found["better"][name], f"{found['seconds'][name]:.2g}"
        table.add_row(name, f"{over.mean:.4g}{only}", band, better, *others, took)
    console.print(table)
    if found["unavailable"]:
        console.print(f"Not measured: {not_measured(found['unavailable'])}", soft_wrap=True)
    for note in found["notes"]:
        if note not in found["verdict"]:
            console.print(note, soft_wrap=True)
    if found["judge"]:
        judge = found["judge"]
        console.print(f"The judge {right(judge['accuracy'], judge['tested_on'])}.", soft_wrap=True)
        real = dict(judge["held_out"])
        drawn, scores = real.pop("samples"), (f"{name.replace('_', ' ')} {value:.4g}" for name, value in real.items())
        console.print(f"Of {drawn:,} real images, held out, it says: {', '.join(scores)}.", soft_wrap=True)
    for sentence in [*found["verdict"], *shares(found["verdict"], protocol["samples"])]:
        console.print(sentence, soft_wrap=True)


def not_measured(unavailable: dict[str, str]) -> str:
    """Why which metrics are missing, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for name, why in unavailable.items():
        by_reason.setdefault(why.rstrip("."), []).append(name)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in by_reason.items()) + "."
