"""The command line: every command, and how a bad word ends (one sentence, exit code 2)."""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from zoo import heap
from zoo.cli import evaluate, look, run, sweep, tune, verify, yours
from zoo.cli.listing import owners
from zoo.cli.starting import ends_at_once
from zoo.errors import ZooError, lacks_memory, unknown

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def tell_version(asked: bool) -> None:
    if asked:
        print(f"zoo {metadata.version('mode-collapse-zoo')}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="The version, and nothing else.", is_eager=True, callback=tell_version)
    ] = False,
) -> None:
    """The mode-collapse zoo: which remedy for GAN mode collapse works, on what, and at what cost."""


app.add_typer(run.runs, name="run")
app.command("eval")(evaluate.evaluate_samples)
app.command("sweep")(sweep.sweep)
app.command("tune")(tune.tune)
app.command("verify")(verify.verify)
app.command("check")(yours.check)
app.command("new-variant")(yours.new_variant)
for command in (look.watch, look.ui, look.compare, look.report):
    app.command()(command)


KINDS = ["variants", "datasets", "metrics", "recipes", "protocols"]


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(KINDS)}.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    plugin: yours.Plugin = None,
) -> None:
    """What there is: variants, data sets, metrics, recipes, protocols."""
    from zoo.cli.listing import listing

    if kind is not None and kind not in KINDS:
        raise unknown("list", kind, KINDS)
    found = {k: v for k, v in listing().items() if kind in (None, k)}
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for title, entries in found.items():
        print(f"{title}:")
        wide = max((len(e["name"]) for e in entries), default=0)
        for family in dict.fromkeys(e.get("family", "") for e in entries):
            if family:
                print(f"  {family}:")
            for entry in (e for e in entries if e.get("family", "") == family):
                print(f"  {'  ' * bool(family)}{entry['name']:<{wide}}  {entry['about']}")


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="A variant, a recipe (or a .toml file), a data set (or data of yours) or a metric.")
    ],
    plugin: yours.Plugin = None,
) -> None:
    """A variant's objective, paper, players and options; a recipe's fields; what a data set or a metric is."""
    with ends_at_once():
        from zoo.cli import showing

    showing.show(name)


@app.command()
def track(folders: Annotated[list[Path], typer.Argument(help="Run directories, or folders that hold some.")]) -> None:
    """Log finished runs to MLflow, from their files; a run that is there already is replaced."""
    with ends_at_once():
        from zoo import tracking
        from zoo.runs import rundir

    roots = {path: tracking.root_of(folder) for folder in folders for path in rundir.find([folder])}
    runs, damaged = rundir.read_all(folders)
    found = [run.path for run in runs if run.finished]
    if not found:
        raise ZooError(f"There is no finished run (a summary.json) in {', '.join(map(str, folders))}.")
    for sentence in damaged:
        print(f"zoo: {sentence}", file=sys.stderr)
    failed = len(damaged)
    for folder in found:
        failure = tracking.try_log(folder, roots[folder])
        print(failure or f"logged {folder}", file=sys.stderr if failure else sys.stdout)
        failed += bool(failure)
    if failed:
        raise typer.Exit(1)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, finished or interrupted.")],
    n: Annotated[int | None, typer.Option("-n", min=1, help="How many samples (default: 25; of a walk 10).")] = None,
    seed: Annotated[int | None, typer.Option("--seed-of-run", help="Which seed's generator (else the first).")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A .png, .pdf, .svg or .npy file (else samples.png).")
    ] = None,
    npy: Annotated[bool, typer.Option("--npy", help="Write the array (n, ...) instead of a picture.")] = False,
    latents: Annotated[Path | None, typer.Option(help="Latents (n, latent) from a .npy file.")] = None,
    interpolate: Annotated[
        tuple[int, int] | None, typer.Option(metavar="A B", help="A walk from latent number A to number B.")
    ] = None,
    mode: Annotated[int | None, typer.Option(help="Only samples of this mode (images: by the judge).")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of image data (else as the run had it).")] = None,
    plugin: yours.Plugin = None,
) -> None:
    """New samples from a run, as a picture or an array: `zoo sample RUN -n 25 --seed-of-run 3 -o digits.png`."""
    with ends_at_once():
        from zoo.progress.terminal import judge_bar
        from zoo.runs import sampling

    path = out or Path("samples.npy" if npy else "samples.png")
    sampling.check(path, as_array=npy)
    sampler = sampling.open_run(folder, seed, str(data_root) if data_root else None)
    with judge_bar() as heard:
        sampler = replace(sampler, heard=heard)
        drawn = sampling.draw(sampler, n, latents=latents, between=interpolate, mode=mode)
    sampling.write(drawn, sampler, path, in_a_row=interpolate is not None)
    print(f"{len(drawn):,} samples of seed {sampler.seed} are in {path}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, finished or interrupted.")],
    seed: Annotated[int | None, typer.Option("--seed-of-run", help="Which seed's generator (else the first).")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The program to write, a .pt2 file.")] = Path(
        "generator.pt2"
    ),
    data_root: Annotated[Path | None, typer.Option(help="Folder of image data (else as the run had it).")] = None,
    plugin: yours.Plugin = None,
) -> None:
    """A run's generator as a program that PyTorch loads without the zoo: torch.export.load("generator.pt2").module()."""
    with ends_at_once():
        from zoo.runs import exporting, sampling

    exporting.check(out)
    sampler = sampling.open_run(folder, seed, str(data_root) if data_root else None)
    about = exporting.export(sampler, out)
    shape = ", ".join(map(str, about["output"]))
    print(
        f"The generator of seed {sampler.seed} is in {out}: latents [n, {sampler.latent}] from {about['latents']} to [{shape}]"
    )
    print(f'  torch.export.load("{out}").module()(z)')


@app.command("judge")
def train_judge(
    data: Annotated[str, typer.Option(help="A set of labelled images.")] = "mnist",
    train: Annotated[bool, typer.Option("--train", help="Train it anew even where it is cached.")] = False,
    data_root: Annotated[Path | None, typer.Option(help="Folder of image data (else ZOO_DATA).")] = None,
) -> None:
    """The classifier that counts the modes of images: trained once (minutes for MNIST), then cached."""
    with ends_at_once():
        import toy_data
        from zoo.cli.summary import right
        from zoo.evaluation import judge
        from zoo.progress.terminal import judge_bar, terminal

    images = toy_data.load(data, data_root)
    with judge_bar() as heard:
        found = judge.judge(images, progress=heard, train=train)
    told = right(found.accuracy, found.tested_on)
    terminal().print(f"The judge of {data} {told} (kept in {judge.cache_root()}).", soft_wrap=True)


def main() -> None:
    """The console script: errors that a user can cause end in one line on stderr and exit code 2."""
    heap.collect_seldom()
    try:
        code = app(standalone_mode=False)
    except ZooError as error:
        print(f"zoo: {error}", file=sys.stderr)
        code = 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        what = error.filename or "A file"  # one that is open already has no name here
        print(f"zoo: {what} cannot be used: {error.strerror or error}.", file=sys.stderr)
        code = 2
    except Exception as error:
        if lacks_memory(error):
            print(
                "zoo: There is not enough memory; take fewer --seeds, a smaller --batch, or smaller nets.",
                file=sys.stderr,
            )
            sys.exit(2)
        if not hasattr(error, "format_message"):  # click's own: a wrong option, a missing argument
            raise
        if message := error.format_message():  # none where it shows the help: `zoo` alone
            print(f"zoo: {message}{owners(error)}", file=sys.stderr)
        code = 2
    finally:
        heap.collect_as_usual()
    sys.exit(code if isinstance(code, int) else 0)
