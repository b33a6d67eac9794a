"""`zoo run`: a command for each variant, made from its dataclass and the recipe's when it is asked for."""

from __future__ import annotations

import inspect
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from baselines import recipes
from zoo import variants
from zoo.cli import yours
from zoo.cli.starting import ends_at_once
from zoo.errors import ZooError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from zoo.variant import Opt


class VariantGroup(TyperGroup):
    """`zoo run VARIANT`: a command per variant, made from its dataclass when it is asked for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        switches = {name for p in self.params if getattr(p, "is_flag", False) for name in (*p.opts, *p.secondary_opts)}
        return super().parse_args(ctx, with_variant(args, switches))

    def list_commands(self, ctx: Any) -> list[str]:
        return variants.names()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        for i, arg in enumerate(args):
            if arg == "--plugin" or arg.startswith("--plugin="):
                early = shlex.join(["zoo", "run", *(args[i : i + 2] if arg == "--plugin" else [arg]), args[0]])
                raise ZooError(f"--plugin stands before the variant's name: {early} ...")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in variants.names():
            raise unknown("variant", cmd_name, variants.names())
        return run_command(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Variants"):
            formatter.write_dl([(name, variants.idea(name)) for name in variants.names()])


def with_variant(args: list[str], switches: Collection[str] = ()) -> list[str]:
    """The line with the variant that it leaves to a recipe (`zoo run --recipe NAME --rounds 3`) or, of a longer run, to the one that is there
    (`zoo run --resume RUN --rounds 9000`): the variant's own command reads the options. Any other line as it is.

    What stands after an option is its value, but after one of the ``switches``.
    """
    first = 0
    while args[first:] and args[first].startswith("--plugin"):
        first += 1 if "=" in args[first] else 2
    words = [word for arg in args for word in (arg.split("=", 1) if arg.startswith("-") else [arg])]
    said = {arg for before, arg in pairwise(args) if before[:1] != "-" or "=" in before or before in switches}
    if not args[first:] or not args[first].startswith("-") or said & {*variants.names()}:
        return args

    def given(option: str) -> str | None:
        return words[words.index(option) + 1] if option in words[:-1] else None

    named = None
    if run := given("--resume"):
        if "--rounds" in words:
            from zoo.runs.rundir import CONFIG, read_json

            named = str(read_json(Path(run) / CONFIG).get("variant"))
    elif chosen := given("--recipe"):
        recipe = recipes.load(chosen)
        if not (named := recipe.variant):
            raise ZooError(f"The recipe '{recipe.name}' names no variant: zoo run VARIANT --recipe {recipe.name}.")
    return [*args[:first], named, *args[first:]] if named and named not in said else args


runs = typer.Typer(cls=VariantGroup, rich_markup_mode=None)

Data = Annotated[
    str | None,
    typer.Option(
        help="Data set (`zoo list datasets`), a .npz file, folder:FOLDER or idx:FOLDER.", rich_help_panel="Run"
    ),
]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="A recipe by name, or a .toml file.", rich_help_panel="Run")
]
Seeds = Annotated[
    str | None, typer.Option(help="How many (8 unless told), a range (0-7) or a list (3,5).", rich_help_panel="Run")
]
ProtocolName = Annotated[str | None, typer.Option("--protocol", help="How samples are counted.", rich_help_panel="Run")]
Root = Annotated[Path | None, typer.Option(help="Folder of image data (else ZOO_DATA).", rich_help_panel="Run")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel="Run")]
Compile = Annotated[
    bool | None,
    typer.Option(
        "--compile/--no-compile",
        help="Compile the round (by itself where that is repaid).",
        rich_help_panel="Run",
        show_default=False,
    ),
]
TF32 = Annotated[bool, typer.Option("--tf32", help="Multiply in TF32 (GPU).", rich_help_panel="Run")]


def folder(name: str) -> Path:
    if not name:
        raise typer.BadParameter("the name is empty.")
    return Path(name)


Out = Annotated[
    Path | None,
    typer.Option(
        help="Folder for this run (else runs/DATA/VARIANT/...).", parser=folder, metavar="PATH", rich_help_panel="Run"
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        help="Go on with the run in this folder; with more --rounds begin a longer one from there.",
        rich_help_panel="Run",
    ),
]
Track = Annotated[
    bool, typer.Option("--track/--no-track", help="Log the finished run to MLflow.", rich_help_panel="Run")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no table.", rich_help_panel="Run")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the summary as JSON, and nothing else.", rich_help_panel="Run")
]


@dataclass(frozen=True)
class RunOptions:
    """The options that every variant's command has."""

    data: Data = None
    recipe: RecipeName = None
    seeds: Seeds = None
    protocol: ProtocolName = None
    data_root: Root = None
    device: Device = "auto"
    compile: Compile = None
    tf32: TF32 = False
    out: Out = None
    resume: Resume = None
    track: Track = True
    quiet: Quiet = False
    as_json: AsJson = False


@runs.callback(invoke_without_command=True)
def run_any(
    ctx: typer.Context,
    recipe: RecipeName = None,
    resume: Resume = None,
    device: Device = "auto",
    compile: Compile = None,
    track: Track = True,
    quiet: Quiet = False,
    as_json: AsJson = False,
    plugin: yours.Plugin = None,
) -> None:
    """Train a variant with many seeds side by side: `zoo run unrolled --k 5`; `zoo run VARIANT --help` shows its options."""
    source: Any = ctx.get_parameter_source
    if ctx.invoked_subcommand is None:
        with ends_at_once():
            from zoo.cli.training import run_cell

        asked = RunOptions(
            recipe=recipe, resume=resume, device=device, compile=compile, track=track, quiet=quiet, as_json=as_json
        )
        run_cell(None, {}, {}, asked)
        return
    early = [p for p in ctx.command.params if p.name != "plugin" and source(p.name).name != "DEFAULT"]
    if early:
        told = " ".join(word for p in early for word in as_given(p, ctx.params[p.name]))
        raise ZooError(f"Options of a run stand after the variant's name: zoo run {ctx.invoked_subcommand} {told} ...")


def as_given(option: Any, value: Any) -> list[str]:
    """An option of a command and its value, as words of the command line."""
    if isinstance(value, bool):
        return [option.opts[0] if value else option.secondary_opts[0]]
    return [option.opts[0], str(value)]


def run_command(name: str) -> Any:
    """The click command of one variant: its own options, the recipe's, and the run's."""
    with ends_at_once():
        from zoo import recipe, variant
        from zoo.cli.training import run_cell

        cls = variants.load(name)
    own, common = variant.options(cls), recipe.fields()
    run_wide = inspect.signature(RunOptions, eval_str=True).parameters
    for taken in own.keys() & {*common, *run_wide}:
        raise ZooError(
            f"The option '{taken}' of {name} is named like an option of every run: give it a name of its own."
        )
    by_data = {k for file in recipes.of_data_sets() for k in {**file.recipe, **file.variants.get(name, {})}}
    parameters = []
    for k, (kind, opt) in own.items():
        default = f"{getattr(cls, k)}, unless the data set's recipe has one" if k in by_data else getattr(cls, k)
        parameters.append(option(k, kind, opt, f"Options of {name}", default))
    for k, (kind, opt) in common.items():
        default = "the data set's recipe" if k in by_data else getattr(recipe.Recipe, k)
        parameters.append(option(k, kind, opt, "Recipe", default))
    parameters += list(run_wide.values())

    def command(**given: Any) -> None:
        options, changes = ({k: given[k] for k in kinds if given[k] is not None} for kinds in (own, common))
        run_cell(name, options, changes, RunOptions(**{k: given[k] for k in run_wide}))

    return from_signature(command, parameters, inspect.cleandoc(cls.__doc__ or ""), name)


def option(name: str, kind: type, opt: Opt, panel: str, default: Any = None) -> inspect.Parameter:
    """A command-line option for a dataclass field; None when it is not given."""
    flag = f"--{name.replace('_', '-')}"
    flags = [f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]
    told = [opt.help, f"(default: {default})" if default is not None else "", f"[{opt.source}]" if opt.source else ""]
    declared = typer.Option(*flags, help=" ".join(filter(None, told)), rich_help_panel=panel, show_default=False)
    annotation: Any = Annotated[kind | None, declared]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def from_signature(function: Callable[..., None], parameters: list[inspect.Parameter], doc: str, name: str) -> Any:
    """A click command from a function and the parameters it should have."""
    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    function.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in keyword}
    function.__doc__ = "\b\n" + doc
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name)(function)
    return typer.main.get_command(single)
