"""Variants, data sets and metrics of your own, without touching ours: entry points of an installed package, a single file, or a notebook.

    [project.entry-points."zoo.variants"]     my-gan = "my_package.my_gan:MyGAN"            a class made with @register("my-gan")
    [project.entry-points."zoo.datasets"]     two-moons = "my_package.moons:two_moons"      a function that returns a toy_data.Data
    [project.entry-points."zoo.metrics"]      my-metric = "my_package.spread:spread"        (samples [S, N, *data], data) -> [S]

In a file (--plugin FILE) and in a notebook a decorator takes an entry point's place: @zoo.register("my-gan") above a class,
@zoo.dataset("two-moons") and @zoo.metric("my-metric", better="lower") above a function. More of a metric is better, unless its function
has an attribute ``better`` that says otherwise: ``spread.better = "lower"``, which the decorator sets too.

What packages bring is imported when first needed. One that is broken says so in `zoo list`, and stops nothing else; a name that is taken is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toy_data import registry
from toy_data.plugins import Plugin, PluginError, first_of_doc, installed
from zoo.errors import ZooError
from zoo.extending.declared import brings, registered
from zoo.metrics import spec

if TYPE_CHECKING:
    from zoo.variant import Variant

VARIANTS, METRICS = "zoo.variants", "zoo.metrics"
MODULE = "zoo_plugin_"
"""How the modules' names begin that files are loaded as."""
FILES: dict[str, tuple[Path, str]] = {}
"""Variants of files loaded with ``load_file``: name to the file and the first line of the docstring."""


def _own() -> frozenset[str]:
    from zoo import variants

    return frozenset(variants.own())


def ideas() -> dict[str, str]:
    """Every variant that is not ours, by name, in one line; nothing is imported."""
    plugins, _ = installed(VARIANTS, _own())
    here = {name: first_of_doc(cls) for name, cls in _here().items()}
    return here | {name: p.about() for name, p in plugins.items()} | {name: told for name, (_, told) in FILES.items()}


def names() -> set[str]:
    """Variants that are not ours."""
    return {*installed(VARIANTS, _own())[0], *FILES, *_here()}


def _here() -> dict[str, type[Variant]]:
    """Variants that neither a package nor ``load_file`` brought: registered in this process, by a notebook or a script."""
    if "zoo.variant" not in sys.modules:
        return {}
    from zoo.variant import REGISTRY

    return {name: REGISTRY[name] for name in _strangers() - {*installed(VARIANTS, _own())[0], *FILES} - _own()}


def _place(thing: Any) -> str | None:
    """The file that a class or a function stands in; None for what was typed in at a prompt or into a notebook."""
    try:
        file = Path(inspect.getfile(thing)).absolute()
    except (TypeError, OSError):
        return None
    return str(file) if file.is_file() else None


def origin(variant: str, data: str) -> dict[str, str | None]:
    """What config.json says of where a variant and its data are from: the files, None for a notebook's; nothing of ours and a package's."""
    found: dict[str, str | None] = {}
    if variant in FILES:
        found["plugin"] = str(FILES[variant][0].absolute())
    elif variant in _here():
        found["plugin"] = _place(_here()[variant])
    if data in registry.HERE:
        found["data_plugin"] = _place(registry.HERE[data])
    return found


def needed(variants: Iterable[str], data: Iterable[str]) -> list[str]:
    """The files that another process must load to train these as this one would, which measures every metric of one's own.

    ``ZooError`` for what no file brings: another process does not see a notebook, and does not run a script.
    """
    from zoo.variant import REGISTRY

    own = {*FILES, *_here()}
    made_here: list[tuple[str, str, Any]] = [("variant", n, REGISTRY[n]) for n in variants if n in own]
    made_here += [("data set", n, registry.HERE[n]) for n in data if n in registry.HERE]
    made_here += [("metric", n, function) for n, function in spec.HERE.items()]
    for what, name, made in made_here:
        if not made.__module__.startswith(MODULE):
            raise ZooError(
                f"The processes that train cells do not see the {what} '{name}', which was registered in this one: "
                "write it to a file of its own, and give that as plugins=['FILE.py']."
            )
    return list(dict.fromkeys(file for _, _, made in made_here if (file := _place(made))))


def option(variant: str, data: str) -> list[str]:
    """The words that a command needs to know both: ``--plugin FILE`` for each file, or none."""
    files = dict.fromkeys(file or "FILE" for file in origin(variant, data).values())
    return [word for file in files for word in ("--plugin", file)]


def load_variant(name: str) -> type[Variant]:
    """The class of a variant that is not ours; ``ZooError`` when it is broken."""
    from zoo.variant import REGISTRY, Variant, register

    if name in FILES or name in _here():
        return REGISTRY[name]
    plugin = installed(VARIANTS, _own())[0][name]
    with _ours_kept(plugin.target.partition(":")[0]):
        cls = _loaded(plugin)
        if not (isinstance(cls, type) and issubclass(cls, Variant)):
            raise ZooError(str(plugin.error(f"it is {cls!r}, not a class that inherits from zoo.Variant or zoo.GAN.")))
        if "name" not in vars(cls):
            register(name)(cls)
        if cls.name != name:
            raise ZooError(
                str(plugin.error(f"its class is registered as '{cls.name}'; the two names must be the same."))
            )
    return cls


def _loaded(plugin: Plugin) -> Any:
    try:
        return plugin.load()
    except PluginError as error:
        raise ZooError(str(error)) from error


@contextmanager
def _ours_kept(module: str = "") -> Iterator[None]:
    """Whatever a stranger's module registers or sets while it is imported, our names stay ours and PyTorch as it was; what fails leaves nothing
    behind."""
    from zoo.ambient import undisturbed
    from zoo.variant import REGISTRY

    before, functions = set(REGISTRY), [(held, dict(held)) for held in (registry.HERE, spec.HERE)]
    try:
        with undisturbed():
            yield
        taken = sorted(n for n in _strangers() & _own())
        if taken:
            raise ZooError(f"It registers '{taken[0]}', which is a name of the zoo's own; choose another.")
    except BaseException:
        for name in _strangers() - before:
            del REGISTRY[name]
        for held, was in functions:
            held.clear()
            held.update(was)
        sys.modules.pop(module, None)  # so that it fails again when it is asked for again
        raise


@contextmanager
def _giving_way(path: Path) -> Iterator[None]:
    """What a notebook, a script or this very file's import registered gives way to the file's of that name: it went there to be seen elsewhere."""
    from zoo.variant import REGISTRY

    def yields(made: Any) -> bool:
        return made.__module__ == "__main__" or _place(made) in (None, str(path.absolute()))

    held: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (names, {name: made for name, made in names.items() if yields(made)})
        for names in (REGISTRY, registry.HERE, spec.HERE)
    ]
    for names, before in held:
        for name in before:
            del names[name]
    try:
        yield
    finally:
        for names, before in held:
            for name, made in before.items():
                names.setdefault(name, made)


def _strangers() -> set[str]:
    from zoo.variant import REGISTRY

    return {name for name, cls in REGISTRY.items() if not cls.__module__.startswith(("zoo.variants.", "baselines."))}


def load_file(path: str | Path) -> list[str]:
    """Import a file of variants, data sets and metrics; from then on they go by their names. Returns those of the variants.

    Raises ``ZooError`` when the file is missing, broken, registers nothing, or claims a name that is taken.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        found = registered(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"There is no plugin file to read at {path} ({error}).") from error
    except SyntaxError as error:
        raise ZooError(f"{path}, line {error.lineno}, is not Python: {error.msg}.") from error
    if not brings(text):
        raise ZooError(
            f'{path} registers no variant, data set or metric: write @register("my-name") above a class, '
            "or @zoo.dataset or @zoo.metric above a function."
        )
    for name in found:
        other = FILES.get(name, (path,))[0]
        if name in _own() or name in installed(VARIANTS, _own())[0] or other.resolve() != path.resolve():
            raise ZooError(f"{path} registers '{name}', and there is already a variant of that name; choose another.")
    with _giving_way(path), _ours_kept():
        _execute(path)
    FILES.update({name: (path, variant.about) for name, variant in found.items()})
    return list(found)


def variants_of(path: str | Path) -> list[str]:
    """``load_file`` for whoever wants a variant of it."""
    if names := load_file(path):
        return names
    raise ZooError(f'{path} registers no variant: write @register("my-name") above a class.')


def _execute(path: Path) -> None:
    """Run a file as a module whose name belongs to its place; the same file again replaces what it was."""
    module_name = f"{MODULE}{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    found = importlib.util.spec_from_file_location(module_name, path)
    if found is None or found.loader is None:
        raise ZooError(f"{path} is no Python file: its name should end in .py.")
    module = importlib.util.module_from_spec(found)
    sys.modules[module_name] = module  # dataclasses look their module up
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        lines = [
            f.lineno
            for f in traceback.extract_tb(error.__traceback__)
            if Path(f.filename) == Path(found.origin or path)
        ]
        at = f", line {lines[-1]}," if lines else ""
        raise ZooError(f"{path}{at} cannot be imported: {type(error).__name__}: {error}") from error


def listed(kind: str) -> list[dict[str, str]]:
    """What packages and files bring of a kind (variants, datasets, metrics): ``name``, ``about``, and ``error`` where one is broken.

    It imports them, since only that shows whether they work.
    """
    own = {"variants": _own(), "datasets": frozenset(registry.own()), "metrics": frozenset(spec.BY_NAME)}[kind]
    here = {"variants": {}, "datasets": registry.HERE, "metrics": spec.HERE}[kind]
    plugins, refused = installed(f"zoo.{kind}", own)
    rows = []
    for name, plugin in plugins.items():
        try:
            if kind == "variants":
                load_variant(name)
            elif not callable(found := plugin.load()):
                raise plugin.error(f"it is {found!r}, not a function.")
            rows.append({"name": name, "about": f"{plugin.about()} [{plugin.package}]".strip()})
        except ValueError as error:  # PluginError, ZooError
            rows.append({"name": name, "about": f"BROKEN. {error}", "error": str(error)})
    rows += [{"name": name, "about": f"REFUSED. {why}", "error": why} for name, why in refused.items()]
    rows += [
        {"name": name, "about": f"{first_of_doc(made)} [{_place(made) or 'a notebook'}]"} for name, made in here.items()
    ]
    if kind == "variants":
        rows += [{"name": name, "about": f"{about} [{path}]"} for name, (path, about) in FILES.items()]
    return rows
