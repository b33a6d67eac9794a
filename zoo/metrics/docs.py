"""docs/metrics.md, made from the declarations: ``python -m zoo.metrics.docs`` writes it, ``--check`` fails where it is stale."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from zoo.markdown import cell, keep, row
from zoo.metrics import spec

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
FAMILIES = {
    "modes": "Modes",
    "two_samples": "Two samples",
    "neighbours": "Nearest neighbours",
    "diversity": "Diversity",
    "classifier": "By a classifier (our judge)",
    "likelihood": "Likelihood",
    "over_time": "Over time",
}
_INTRO = """# Metrics

This page is made from the declarations in `zoo/metrics/metrics.toml` by `python -m zoo.metrics.docs`.

K modes with weights w, N samples, d dimensions; logarithms are natural. *Perfect* and *collapsed* (onto one mode) say what
these samplers score. A metric whose *default* is no is computed only when named: `zoo eval SAMPLES --data D --metrics kde`.
In MLflow a metric stands in the group given here: `coverage/modes`, `dist/reverse_kl`, `quality/one_nn`.

The divergences over modes: (K - 1) / 2N and the like are means of independent draws. A generator that deals its samples out in fixed
shares (`mgan`, `madgan`, `self-conditioned`) can lie below them. A seed without any counted sample has no shares and gets the worst value of
each: its reverse KL is then that of a perfect sampler of one mode, log K for even weights, so read it beside `modes` and `high_quality`.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [_INTRO]
    for family, title in FAMILIES.items():
        rows = [m for m in spec.METRICS if m.family == family]
        parts.append(f"## {title}\n")
        parts.append(
            "| metric | what it measures | better | unit | range | perfect | collapsed | cost | group | default | needs |"
        )
        parts.append("|---|---|---|---|---|---|---|---|---|---|---|")
        parts += [_row(m) for m in rows]
        parts.append("\nSources: " + "; ".join(f"`{m.name}` {cell(m.paper)}, {cell(m.equation)}" for m in rows) + ".\n")
    return "\n".join(parts)


def _row(m: spec.Metric) -> str:
    default, needs = "yes" if m.default else "no", ", ".join(m.needs) or "-"
    cells = (m.about, m.better, m.unit, m.range, m.perfect, m.collapsed, m.cost, m.group, default, needs)
    return row([f"`{m.name}`", *cells])


def main(arguments: Sequence[str] | None = None) -> int:
    return keep(PAGE, page(), "zoo.metrics.docs", arguments)


if __name__ == "__main__":
    sys.exit(main())
