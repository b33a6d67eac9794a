"""Recipes as TOML files: one per data set (its default), and named ones (a paper's protocol, the stress setting).

about = "one sentence"
data = "ring"                  # named recipes: which data they are for
protocol = "pacgan"            # how samples are counted, when not the default
[recipe]                       # fields of zoo.recipe.Recipe, for every variant
[variants.wgan]                # what differs for one variant: fields of the recipe, and its own options
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import ZooError, typed, unknown
from zoo.files import read_toml

FOLDER = Path(__file__).parent
KINDS = {"about": str, "data": str, "variant": str, "protocol": str, "recipe": dict, "variants": dict}


@dataclass(frozen=True)
class RecipeFile:
    """One recipe file, read."""

    name: str
    about: str
    data: str | None = None
    variant: str | None = None
    protocol: str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)


def files() -> dict[str, Path]:
    """Every recipe that ships with the zoo, by name."""
    return {path.stem: path for path in sorted(FOLDER.rglob("*.toml"), key=lambda path: path.stem)}


def names() -> list[str]:
    """The names of those recipes, sorted."""
    return list(files())


def family(path: Path) -> str:
    """What kind of recipe one of the zoo's is: its folder's name."""
    return "everyday" if path.parent == FOLDER else path.parent.name


def read(path: Path) -> RecipeFile:
    """A recipe file of the zoo's or the user's; ``ZooError`` when it is not one."""
    content = read_toml(path, "recipe", KINDS)
    variants = content.get("variants", {})
    typed(variants, dict.fromkeys(variants, dict), f"under [variants] in the recipe {path}")
    if "about" not in content:
        raise ZooError(f'{path} does not say what it is for: about = "one sentence".')
    return RecipeFile(name=path.stem, **content)


def remarks(path: Path) -> list[str]:
    """A recipe file's comments, line by line; one beside a field stands behind its name."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        before, mark, remark = line.partition("#")
        if mark and before.count('"') % 2 == 0:  # not within a text
            field = before.partition("=")[0].strip()
            found.append(f"{field}: {remark.strip()}" if field else remark.strip())
    return found


def load(name: str) -> RecipeFile:
    """The recipe called ``name``, or in the file ``name`` when it ends in .toml."""
    if name.endswith(".toml"):
        return read(Path(name))
    found = files()
    if name not in found:
        raise unknown("recipe", name, found)
    return read(found[name])


def of_data_sets() -> list[RecipeFile]:
    """The recipes that ``default_for`` finds for our own data sets."""
    from toy_data.registry import own

    return [read(path) for name in [*own(), "points", "images"] if (path := FOLDER / f"{name}.toml").exists()]


def default_for(data: str, image: bool) -> RecipeFile:
    """The recipe of a data set: the file with its name, else the one for points or images."""
    named = FOLDER / f"{data}.toml"
    return read(named if named.exists() else FOLDER / ("images.toml" if image else "points.toml"))
