"""What is recorded of recipes on which every variant was tuned with the same budget (``benchmarks.tuning``), as pages of docs/."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, TypeAlias

from baselines import recipes
from baselines.spaces import SPACES, Space
from zoo import variants
from zoo.statistics import bootstrap
from zoo.sweeps.merit import FID, SHARE, Merit, final, merit_of, scored
from zoo.sweeps.tuning import BUDGET, RESULTS, Trial, best, kept

Trials: TypeAlias = Mapping[str, Sequence[Trial]]
NO_D = ("flow-matching", "vae")

HEAD = """# {recipe}: every method tuned alike

{about}.

Five trials for every method (pairs of rates, or two by its own strength; then a D ten times slower than the recipe's), each the whole recipe on
seeds 100 to 103; the best by {rule}. Then seeds 0 to 15, which no trial has seen: mean [95 % bootstrap interval
over seeds]; a seed that diverged counts {lost}.
Protocol `{protocol}`, {samples:,} samples a seed; {device}, torch {torch}. Chosen: the learning rates of D and G, and the strength.
The second strength of a method is our choice by hand (`baselines/spaces.py`): of {own}
one for this data, of the others the same on all data.
Every trial: `baselines/results/{recipe}/trials.csv`. A row again: `zoo verify baselines/results/{recipe}/METHOD`, or the
`command` of its `config.json`, which names the commit too: {commits}. Another version or kind of CPU rounds differently, which decides
single seeds.
Recorded: {done} of {total} methods; `python -m benchmarks.tuning {recipe}` trains those that are missing.

{passed}

{edges}

{notes}

"""
NOTES = {
    "ring-tuned": "The k of unrolled was not tried (it is 5).",
    "grid-tuned": """\
The k of unrolled was not tried (it is 5). madgan and mgan deal their samples out in fixed shares, which keeps chance out of their reverse KL, and
self-conditioned in a fixed order. The nets and beta2 were found on seeds 100 to 103 with methods in view that have a penalty.""",
    "digits-tuned": """\
ns at twice the highest rates covers 374 modes. **These rows say who gets there first, not who gets there**: after three times the rounds lsgan and
ns cover 999.8 and 999.5 (eleven methods in [results](results.md#every-method-tuned-alike-on-stacks-of-digits)). wgan-gp and wgan play five steps
of D in each round. madgan and mgan deal their samples out in fixed shares, and self-conditioned in a fixed order. The nets and rates were found
on seeds 100 and 101 with ns and r1.""",
}
"""What the recorded trials of a recipe leave open, beside ``passed_over`` and ``edges``."""


def listed(names: Sequence[str]) -> str:
    """``ns, r1 and vae``; ``none`` of no names."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names) or "none"


def passed_over(trials: Trials, quality: Merit, held: float) -> str:
    """The methods whose chosen trial covered fewer modes than another, with both; of many modes, by more than one in a hundred."""
    ahead = held // 100
    told = {}
    for name, of_one in trials.items():
        chosen, most = best(of_one), max(of_one, key=lambda t: (t.measured["modes"], t.score))
        if most.measured["modes"] > chosen.measured["modes"] + ahead:
            both = [
                f"{t.measured['modes']:.{1 if ahead else 2}f} and {t.measured[quality.metric]:.{quality.digits}f}"
                for t in (most, chosen)
            ]
            told[name] = f"{name} ({'; '.join(both)})"
    worse, by = ("a worse FID", f", by more than {ahead:.0f} modes,") if quality is FID else ("less quality", "")
    return fill(
        f"**What this choice does not say.** Trials are chosen by {quality.rule}, the table is ordered by modes. So a trial that covered more modes "
        f"with {worse} may have been passed over. It was{by} for {len(told)} methods (modes and {quality.title} of that trial; of the chosen one): "
        f"{', '.join(told.values())}.",
        width=150,
        break_on_hyphens=False,
    )


def edges(trials: Trials, space: Space) -> str:
    """The methods that chose what lies at the edge of the pairs of rates that were tried."""
    rates = {
        name: [(t.settings["lr_d"], t.settings["lr_g"]) for t in [best(of_one), *of_one]]
        for name, of_one in trials.items()
    }
    pairs = [name for name, (_, *tried) in rates.items() if len({*tried}) == BUDGET]
    low, high = (
        listed([name for name in pairs if rates[name][0] == edge]) for edge in (min(space.rates), max(space.rates))
    )
    slow = listed([name for name, of_one in trials.items() if best(of_one) is of_one[-1] and name not in NO_D])
    return fill(
        f"Of the methods with four pairs of rates, {low} chose the lowest and {high} the highest; the slow D was chosen for {slow}. "
        f"Better rates may lie beyond. {listed(NO_D)} have no D, so three of their trials are the same.",
        width=150,
        break_on_hyphens=False,
    )


def page_of(recipe: str) -> Path:
    return RESULTS.parents[1] / "docs" / f"{recipe}.md"


def recorded(folder: Path) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, summary and settings of every result that was kept in ``folder``."""
    places = sorted(place for place in folder.iterdir() if place.is_dir())
    files = [
        [json.loads((p / f"{part}.json").read_text(encoding="utf-8")) for part in ("summary", "config")] for p in places
    ]
    return [(place.name, summary, config) for place, (summary, config) in zip(places, files, strict=True)]


def counted(summary: dict[str, Any]) -> str:
    """Cells of a table: modes covered, seeds with all of them, quality, reverse KL."""
    quality = merit_of(summary["metrics"])

    def told(name: str, digits: int) -> str:
        values = final(summary, name)
        low, high = bootstrap(values)
        return f"{values.mean():.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

    modes, held = final(summary, "modes"), summary["reference"]["data"]["modes"]
    shown = told("modes", 2 if held < 100 else 1)
    kl = told("reverse_kl", 3)
    return f"{shown} | {int((modes >= held).sum())} of {len(modes)} | {told(quality.metric, quality.digits)} | {kl}"


REFERENCES = {"data": "the data itself", "noise": "uniform noise over the data's box", "collapsed": "one mode only"}


def references(summary: dict[str, Any]) -> list[str]:
    """Rows of the same table for samplers that were not trained."""
    quality, held = merit_of(summary["metrics"]), summary["reference"]["data"]["modes"]
    lines = []
    for name, title in REFERENCES.items():
        m = summary["reference"][name]
        whole = f"{int(m['modes'] >= held)} of 1"
        lines.append(
            f"| *{title}* | {m['modes']:g} | {whole} | {m[quality.metric]:.{quality.digits}f} | {m['reverse_kl']:.3f} | |"
        )
    return lines


def page(recipe: str) -> str:
    """The recorded results in Markdown, best coverage first."""
    rows = recorded(RESULTS / recipe)
    config = rows[0][2]
    quality = merit_of(rows[0][1]["metrics"])
    rows.sort(key=lambda row: (-final(row[1], "modes").mean(), -scored(row[1], quality)))
    about = recipes.load(recipe).about
    held, trials = rows[0][1]["reference"]["data"]["modes"], kept(RESULTS / recipe / "trials.csv")
    head = HEAD.format(
        recipe=recipe,
        about=about[0].upper() + about[1:],
        rule=quality.rule,
        own=", ".join(SPACES[recipe].for_this_data),
        lost="0" if quality is SHARE else "as a sampler of one mode does",
        protocol=config["protocol"]["name"],
        samples=config["protocol"]["samples"],
        device=config["device"],
        torch=config["versions"]["torch"],
        done=len(rows),
        total=len(variants.own()),
        commits=listed(sorted({config["git"][:9] for *_, config in rows})),
        passed=passed_over(trials, quality, held),
        edges=edges(trials, SPACES[recipe]),
        notes=NOTES[recipe],
    )
    lines = [
        f"| | modes of {held:g} | seeds with all {held:g} | {quality.title} | reverse KL | chosen |",
        "|---|---|---|---|---|---|",
    ]
    for name, summary, _ in rows:
        chosen = recipes.load(recipe).variants[name]
        told = ", ".join(str(v).lstrip("0") if k.startswith("lr_") else f"{k} {v:g}" for k, v in chosen.items())
        lines.append(f"| {name} | {counted(summary)} | {told} |")
    return head + "\n".join(lines + references(rows[0][1])) + "\n"
