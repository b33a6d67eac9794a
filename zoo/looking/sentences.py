"""What a comparison says, in words that claim no more than its numbers do."""

from __future__ import annotations

import math

from zoo.looking.caveats import CLOCKS, cannot_decide
from zoo.looking.compare import Comparison, Row
from zoo.looking.tables import interval
from zoo.statistics import LEVEL, number


def verdicts(comparison: Comparison) -> list[str]:
    """A sentence for each run, best first: what it reached, how near to the modes, seeds that collapsed, whether it beats the reference, the cost."""
    base = next((row for row in comparison.rows if row.label == comparison.reference), None)
    return [_verdict(row, base, comparison) for row in comparison.rows]


def _verdict(row: Row, base: Row | None, comparison: Comparison) -> str:
    of = (
        f" of {comparison.modes} modes"
        if comparison.metric == "modes" and comparison.modes
        else f" {comparison.metric}"
    )
    band = "" if math.isnan(row.ci95[0]) else f", 95 % interval {interval(row.ci95)}"
    parts = [f"{row.label}: mean {number(row.mean)}{of}{band}"]
    if row.high_quality is not None and comparison.metric != "high_quality":
        share = f"high-quality share {number(row.high_quality)}"
        parts.append(f"scatters ({share})" if row.scatters else share)
    if row.collapsed is not None:
        lost = (
            "no seed"
            if not row.collapsed
            else "every seed"
            if row.collapsed == row.n
            else f"{row.collapsed} of {row.n} seeds"
        )
        parts.append(f"{lost} collapsed")
    if row.diverged:
        parts.append(f"{row.diverged} of {row.n} diverged")
    if base is not None and row is not base:
        parts.append(_against(row, base, comparison))
    return "; ".join(parts) + "."


def _against(row: Row, base: Row, comparison: Comparison) -> str:
    """Whether the difference to the reference can be claimed, and what it costs."""
    if row.improvement is None or row.p_holm is None or row.p_least is None:
        return ""
    chance = f"ahead in {100 * row.improvement:.0f} % of pairs of seeds"
    clock = comparison.clock
    if row.p_holm >= LEVEL and row.p_least >= LEVEL:
        why = cannot_decide(row.n, base.n, len(comparison.rows) - 1, row.p_least)
        said = f"no difference from {base.label} can be claimed ({chance}): {why}"
    elif row.p_holm >= LEVEL:
        said = f"no difference from {base.label} can be claimed ({chance}, p = {row.p_holm:.2g})"
    else:
        word = "better" if row.improvement > 0.5 else "worse"
        said = f"{word} than {base.label} ({chance}, p = {row.p_holm:.2g})"
    spent, other = row.cost.get(clock), base.cost.get(clock)
    if not spent or not other:
        return said
    ratio, time = spent / other, f"{CLOCKS[clock]} time"
    return f"{said}, {f'in about the same {time}' if 0.95 < ratio < 1.05 else f'at {ratio:.2g} times the {time}'}"
