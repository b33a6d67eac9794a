"""docs/catalogue.md, made from the variants' classes: ``python -m zoo.catalogue`` writes it, ``--check`` says whether it is up to date."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import Any

from zoo import variants
from zoo.game import Player
from zoo.markdown import keep, row
from zoo.optim import Adam
from zoo.variant import Opt, Variant, options

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "catalogue.md"
COST = ROOT / "baselines" / "results" / "cost.json"
PICTURES = (
    "**Pictures**: samples of the first four seeds, whatever they are like, at the end of `zoo run NAME --recipe ring-tuned --seeds 0-15`, "
    "with the settings of [ring-tuned.md](ring-tuned.md); on the grid likewise with `grid-tuned` and [grid-tuned.md](grid-tuned.md). "
    "Circles are the true modes."
)


def page() -> str:
    """The whole page."""
    cost = json.loads(COST.read_text(encoding="utf-8")) if COST.exists() else {}
    names = sorted(variants.own(), key=lambda n: (variants.family(n).lower(), n))
    head = [
        "# The catalogue",
        "",
        "Written by `python -m zoo.catalogue` from the classes; a test checks that it is up to date. Do not edit it.",
        "",
        *_about_cost(cost),
        "",
        PICTURES,
        "",
        "| variant | family | idea | cost |",
        "|---|---|---|---|",
        *(row([f"[{n}](#{n})", variants.family(n), variants.idea(n), _factor(cost, n)]) for n in names),
    ]
    return "\n".join([*head, "", *(line for n in names for line in card(n, cost))]).rstrip() + "\n"


def _about_cost(cost: dict[str, Any]) -> list[str]:
    if not cost:
        return ["Costs have not been measured."]
    setting = (
        f"CPU time of a seed's round at default options relative to `{cost['reference']}`'s ({cost['setting']}; median of "
        f"{cost['turns']} interleaved turns, in brackets their quartiles; {cost['device']}, torch {cost['torch']}): `{cost['command']}`."
    )
    return [f"**Cost**: {setting}"]


def _factor(cost: dict[str, Any], name: str) -> str:
    told = cost.get("variants", {}).get(name)
    return f"{told['factor']:.2f} ({told['low']:.2f} to {told['high']:.2f})" if told else "not measured"


def card(name: str, cost: dict[str, Any]) -> list[str]:
    """One variant, as lines of Markdown."""
    cls = variants.load(name)
    idea, body, fixes, source = parts(inspect.cleandoc(cls.__doc__ or ""))
    made = cls()
    moves = "all at once, on one batch" if made.simultaneous else "in turn, each on a fresh batch"
    lines = [f"## {name}", "", *_thumbnails(name), idea, "", f"**Known to fix**: {fixes}", ""]
    lines += [*body, f"Players ({moves}):", "", *(f"* {told}" for told in map(_player, made.players())), ""]
    lines += [*_options(cls, made)]
    return [*lines, f"Cost relative to `ns`: {_factor(cost, name)}.", "", f"Source: {source}", ""]


def _thumbnails(name: str) -> list[str]:
    """Pictures of what the variant makes, tuned, where there are some (``docs/make_pictures.py thumbnails``)."""
    found = [
        data for data in ("ring", "grid") if (PAGE.parent / "images" / "catalogue" / data / f"{name}.png").exists()
    ]
    shown = [f"![{name} on the {data}](images/catalogue/{data}/{name}.png)" for data in found]
    return [" ".join(shown), ""] if shown else []


def parts(doc: str) -> tuple[str, list[str], str, str]:
    """A docstring's idea (its first line), its body, what it is known to fix, and its source. The body is Markdown: indented lines are
    formulas, each block of them where it stands among the notes."""
    body, _, source = doc.partition("Source:")
    body, _, fixes = body.partition("Known to fix:")
    idea, _, rest = body.partition("\n")
    lines: list[str] = []
    for paragraph in filter(str.strip, rest.split("\n\n")):
        for formula, block in groupby(paragraph.strip("\n").split("\n"), lambda line: line.startswith("    ")):
            found = [line.rstrip() for line in block]
            lines += ["```", *(line[4:] for line in found), "```", ""] if formula else [*found, ""]
    return idea, lines, " ".join(fixes.split()), " ".join(source.split())


def _player(player: Player) -> str:
    owns = " and ".join(player.networks)
    steps = f", {player.steps} turns a round" if player.steps > 1 else ""
    project = ", then projects" if player.project else ""
    return f"**{player.name}** moves {owns}{steps}{project}; {optimiser(player, '`')}"


def optimiser(player: Player, quote: str = "") -> str:
    """What moves a player, in words."""
    return "Adam with the recipe's betas" if player.optimiser == Adam() else f"{quote}{player.optimiser}{quote}"


def _options(cls: type[Variant], made: Variant) -> list[str]:
    found = options(cls)
    if not found:
        return ["No options of its own.", ""]
    rows = ["| option | default | range | what it is | default's source |", "|---|---|---|---|---|"]
    for name, (kind, opt) in found.items():
        within = "switch" if kind is bool else _range(opt)
        value = getattr(made, name)
        shown = str(value).lower() if kind is bool else f"{value:g}"
        rows.append(row([f"`--{name.replace('_', '-')}`", shown, within, opt.help, opt.source]))
    return [*rows, ""]


def _range(opt: Opt) -> str:
    """The values that an option may have, in words."""
    least = f"above {opt.above:g}" if isfinite(opt.above) else f"{opt.at_least:g}" if isfinite(opt.at_least) else ""
    if not isfinite(opt.at_most):
        return least if isfinite(opt.above) else f"{least} or more" if least else "any"
    if isfinite(opt.at_least) and not isfinite(opt.above):
        return f"{least} to {opt.at_most:g}"
    return ", ".join(filter(None, [least, f"at most {opt.at_most:g}"]))


def main(arguments: Sequence[str] | None = None) -> int:
    return keep(PAGE, page(), "zoo.catalogue", arguments)


if __name__ == "__main__":
    sys.exit(main())
