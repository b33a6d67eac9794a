"""What is recorded of recipes on which every variant was tuned with the same budget (``benchmarks.tuning``), as pages of docs/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from baselines import recipes
from baselines.spaces import SPACES
from zoo import variants
from zoo.statistics import bootstrap
from zoo.sweeps.merit import SHARE, final, merit_of, scored
from zoo.sweeps.tuning import RESULTS

HEAD = """# {recipe}: every method tuned alike

{about}.

Four trials for every method (pairs of rates, or two by its own strength), each the whole recipe on seeds 100 to 103; the best by
{rule}. Then seeds 0 to 15, which no trial has seen: mean [95 % bootstrap interval over seeds]; a
seed that diverged counts {lost}.
Protocol `{protocol}`, {samples:,} samples a seed; {device}, torch {torch}. Chosen: the learning rates of D and G, and the strength.
The second strength of a method is our choice by hand (`baselines/spaces.py`): of {own}
one for this data, of the others the same on all data.
Every trial: `baselines/results/{recipe}/trials.csv`. A row again, to within its interval: `zoo run METHOD --recipe {recipe} --seeds 0-15`,
with `--compile` where the row's `config.json` has `compiled` true, else with `--no-compile`. Single seeds differ from the record: rounding decides
them, and most rows are of earlier versions (`git` in `config.json` names each row's).
Recorded: {done} of {total} methods; `python -m benchmarks.tuning {recipe}` trains those that are missing.

{notes}"""
NOTES = {
    "ring-tuned": """\
**What this choice does not say.** Trials are chosen by modes times quality, the table is ordered by modes. So a trial that covered more modes
with less quality may have been passed over. It was for eight methods (modes and share of that trial; of the chosen one): consensus (7.75
and .017, with gamma 10; 2.50 and .185), lsgan (8.00 and .24; 7.25 and .80), madgan (7.50 and .77; 7.25 and .95), minibatch (3.75 and .45;
3.25 and .53), ogda (8.00 and .74; 7.75 and .79), pacgan (7.25 and .03; 7.00 and .87), separate (7.50 and .50; 5.25 and .84), sn (6.75
and .007; 5.75 and .014).

Of the methods with four pairs of rates, bigan and unrolled chose the lowest, flow-matching, ogda and vae the highest: better ones may lie
beyond. The k of unrolled was not tried (it is 5), so its row is no verdict on a well-tuned unrolled. flow-matching and vae have no D, so
two of their four trials are the same. The two strengths of msgan were 1, its default then, and 0.1.

""",
    "grid-tuned": """\
**What this choice does not say.** Trials are chosen by modes times quality, the table is ordered by modes. So a trial that covered more modes
with less quality may have been passed over. It was for nine methods, mostly one at half the rates (modes and share of that trial; of the
chosen one): dropout (24.25 and .33; 24.00 and .68), extragradient (20.50 and .45; 17.50 and .85), madgan (25.00 and .80; 24.25 and .92),
ns (24.25 and .71; 22.00 and .89), ragan (25.00 and .60; 23.50 and .90), rsgan
(23.00 and .65; 22.50 and .88), separate (24.25 and .40; 17.00 and .81), vanilla (24.50 and .59; 22.25 and .75), wgan (23.50 and .21; 23.25
and .34).

Of the methods with four pairs of rates, bigan, ogda and unrolled chose the lowest, flow-matching, sn and vae the highest: better
ones may lie beyond, for unrolled surely: 1.25, 2.75 and 7.50 modes at 2e-3, 1e-3 and 5e-4, and, outside the trials on their seeds, 23.25 with a
share of .13 at 1e-4; no trial gave it a D slower than G, with which it covers [24.88](results.md#what-look-ahead-needs-a-slow-d).
Its k was not tried (it is 5). madgan and mgan deal their samples out in fixed shares, which keeps chance out of their reverse KL, and
self-conditioned in a fixed order. flow-matching and vae have
no D, so two of their four trials are the same. The nets and beta2 were found on seeds 100 to 103 with methods in view that have a penalty.

""",
    "digits-tuned": """\
**What this choice does not say.** Trials are chosen by FID, the table is ordered by modes. So a trial that covered more modes with a
worse FID may have been passed over. It was, by more than 10 modes, for four methods (modes and FID of that trial; of the chosen one):
gdpp (963.2 and 264; 943.0 and 248), minibatch (487.0 and 1185; 393.8 and 977), msgan (958.2 and 247; 941.2 and 243), self-conditioned
(966.0 and 275; 948.2 and 260).

Of the methods with four pairs of rates, sn chose the lowest, flow-matching, hinge, lsgan, ns, ogda, ragan, rsgan, separate, unrolled, vae
and vanilla the highest: better ones may lie beyond, though ns at twice the highest covers 374 modes. **These rows say who gets there
first, not who gets there**: after three times the rounds lsgan and ns cover 999.8 and 999.5 (eleven methods in
[results](results.md#every-method-tuned-alike-on-stacks-of-digits)). wgan-gp and wgan play five
steps of D in each round. flow-matching and vae have no D, so two of their four trials are the same. madgan and mgan deal their samples
out in fixed shares, and self-conditioned in a fixed order. The nets and rates were found on seeds 100 and 101 with ns and r1.

""",
}
"""What the recorded trials of a recipe leave open."""


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
        notes=NOTES.get(recipe, ""),
    )
    held = rows[0][1]["reference"]["data"]["modes"]
    lines = [
        f"| | modes of {held:g} | seeds with all {held:g} | {quality.title} | reverse KL | chosen |",
        "|---|---|---|---|---|---|",
    ]
    for name, summary, _ in rows:
        chosen = recipes.load(recipe).variants[name]
        told = ", ".join(str(v).lstrip("0") if k.startswith("lr_") else f"{k} {v:g}" for k, v in chosen.items())
        lines.append(f"| {name} | {counted(summary)} | {told} |")
    return head + "\n".join(lines + references(rows[0][1])) + "\n"
