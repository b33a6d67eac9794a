"""A comparison as text: for a terminal, Markdown, LaTeX (booktabs), CSV, or JSON. CSV and JSON carry full precision and every column."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import Any

from zoo import markdown
from zoo.errors import unknown
from zoo.files import finite
from zoo.looking.caveats import CLOCKS
from zoo.looking.compare import Comparison, Row
from zoo.runs.naming import data_name
from zoo.statistics import number

Cells = list[list[str]]
LEAST, WIDE = 6, 120
"""Characters of the narrowest column in a terminal, and of a whole table: longer names of runs go on in the next line."""
NAME = 20
"""Characters that a name may have in any case."""


def render(comparisons: Sequence[Comparison], style: str = "table") -> str:
    """All tables in one of the styles of ``STYLES``; ``ZooError`` for another."""
    if style not in STYLES:
        raise unknown("format", style, STYLES)
    return STYLES[style](comparisons)


def cells(comparison: Comparison) -> Cells:
    """``results`` and ``costs`` beside one another: the header, a row per run, and a row per reference sampler."""
    found, spent = results(comparison), costs(comparison)
    spent += [[""] * len(spent[0])] * len(comparison.samplers)
    return [left + right[1:] for left, right in zip(found, spent, strict=True)]


def results(comparison: Comparison) -> Cells:
    """The header, a row per run with what it reached, and a row per reference sampler, as a reader should see them."""
    against = comparison.reference
    modes = f" (of {comparison.modes})" if comparison.metric == "modes" and comparison.modes else ""
    shares = _shares(comparison)
    head = ["run", "seeds", f"mean {comparison.metric}{modes} [95 %]", *["high-quality share"] * shares, "IQM"]
    head += ["worst seed", "collapsed", *([f"P(better than {against}) [95 %]", "p (Holm)"] if against else [])]
    body = [_line(row, against, shares) for row in comparison.rows]
    for name, value in comparison.samplers.items():
        share = [number(comparison.sampler_shares.get(name, math.nan))] * shares
        known = [f"({name})", "", number(value), *share]
        body.append(known + [""] * (len(head) - len(known)))
    return [head, *body]


def _shares(comparison: Comparison) -> bool:
    """Whether the high-quality share stands beside the modes: modes covered do not show samples between them."""
    return comparison.metric == "modes" and any(row.high_quality is not None for row in comparison.rows)


def costs(comparison: Comparison) -> Cells:
    """The header, and a row per run with what it took."""
    known = dict.fromkeys(k for row in comparison.rows for k in row.cost)
    updates = [k for k in known if k.endswith("_updates")]
    extra = [k for k in known if k not in (*updates, comparison.clock, "seconds")]
    clocks = {k: f"{word} s per seed" for k, word in CLOCKS.items()}
    names = [f"{k.removesuffix('_updates')} updates" for k in updates]
    names += [clocks.get(k, k.replace("_", " ")) for k in extra]
    body = []
    for row in comparison.rows:
        spent = (row.cost.get(k) for k in (comparison.clock, *updates, *extra))
        told = ("" if c is None else f"{c:,.0f}" if c >= 100 else f"{c:.3g}" for c in spent)
        body.append([row.label, f"{row.round:,}", *told])
    return [["run", "rounds", f"training {clocks[comparison.clock]}", *names], *body]


def _line(row: Row, against: str | None, shares: bool) -> list[str]:
    seeds = f"{row.n} ({row.diverged} diverged)" if row.diverged else str(row.n)
    collapsed = "" if row.collapsed is None else f"{row.collapsed}/{row.n}"
    share = [number(math.nan if row.high_quality is None else row.high_quality)] * shares
    line = [row.label, seeds, _banded(row.mean, row.ci95), *share, number(row.iqm)]
    line += [f"{number(row.worst)} (seed {row.worst_seed})", collapsed]
    if against and row.improvement is None:
        line += ["reference", ""]
    elif row.improvement is not None and row.improvement_ci95 is not None and row.p_holm is not None:
        line += [_banded(row.improvement, row.improvement_ci95, "{:.2f}".format), f"{row.p_holm:.2g}"]
    return line


def _banded(value: float, ends: Sequence[float], told: Callable[[float], str] = number) -> str:
    """A value and its interval, where there is one: 7.75 [7.25, 8]."""
    low, high = ends
    return told(value) if math.isnan(low) or math.isnan(high) else f"{told(value)} [{told(low)}, {told(high)}]"


def interval(ends: Sequence[float], told: Callable[[float], str] = number) -> str:
    """Both ends, or - where there are none."""
    low, high = ends
    return "-" if math.isnan(low) or math.isnan(high) else f"{told(low)} to {told(high)}"


def caption(comparison: Comparison) -> str:
    """What the table shows, in one line."""
    at = f", at the cheapest run's {comparison.equal}" if comparison.equal else ""
    direction = {"higher": "more is better", "lower": "less is better"}.get(
        comparison.better, f"{comparison.better} is better"
    )
    return f"{data_name(comparison.data)}: {comparison.metric} ({direction}{at})"


def legend(comparison: Comparison) -> list[str]:
    """What a reader must know to read the table."""
    told = ["Over seeds: mean, [95 % bootstrap interval], IQM: interquartile mean."]
    if comparison.modes:
        told.append(f"collapsed: seeds that cover {comparison.modes // 2} of {comparison.modes} modes or fewer.")
    if comparison.reference:
        told.append("P(better): probability of improvement, ties count half; p: Mann-Whitney, Holm's correction.")
    return told


def notes(comparison: Comparison) -> list[str]:
    """The legend, and what makes the runs less comparable than they look."""
    return legend(comparison) + [f"Warning: {w}" for w in comparison.warnings]


def _text(comparisons: Sequence[Comparison]) -> str:
    blocks = []
    for comparison in comparisons:
        lines = [caption(comparison), *_columns(results(comparison)), "", *_columns(costs(comparison)), ""]
        blocks.append("\n".join([*lines, *notes(comparison)]))
    return "\n\n".join(blocks)


def _columns(table: Cells) -> list[str]:
    """Lines of a table; a long head or name goes on in the next line, so that it makes no column wider."""
    head, *body = table
    wide = [max([LEAST, *map(len, column)]) for column in zip(*body, strict=True)]
    heads = [wrap(name, w, break_long_words=False) for name, w in zip(head, wide, strict=True)]
    wide = [max([w, *map(len, parts)]) for w, parts in zip(wide, heads, strict=True)]
    room = max(NAME, WIDE - sum(wide[1:]) - 2 * len(wide[1:]))
    names = [wrap(c, room, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) for c, *_ in body]
    wide[0] = max(map(len, [*heads[0], *(part for parts in names for part in parts)]))
    high = max(map(len, heads))
    above = list(zip(*([""] * (high - len(parts)) + parts for parts in heads), strict=True))
    below = []
    for (name, *more), (_, *row) in zip(names, body, strict=True):
        below += [(name, *row), *((part, *[""] * len(row)) for part in more)]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, wide, strict=True))).rstrip()
        for row in (*above, *below)
    ]
    lines.insert(high, "-" * (sum(wide) + 2 * (len(wide) - 1)))
    return lines


def _markdown(comparisons: Sequence[Comparison]) -> str:
    blocks = []
    for comparison in comparisons:
        head, *body = cells(comparison)
        rule = ["---", *["---:"] * (len(head) - 1)]
        lines = map(markdown.row, (head, rule, *body))
        blocks.append("\n".join([f"**{caption(comparison)}**", "", *lines, "", *(f"- {n}" for n in notes(comparison))]))
    return "\n\n".join(blocks)


def _latex(comparisons: Sequence[Comparison]) -> str:
    return "\n\n".join(map(_latex_tables, comparisons))


def _latex_tables(comparison: Comparison) -> str:
    """What was reached, and what it took; warnings are the author's to weigh, and stand above as remarks."""
    warned = "".join(f"% Warning: {sentence}\n" for sentence in comparison.warnings)
    reached = _latex_table(results(comparison), " ".join([caption(comparison) + ".", *legend(comparison)]))
    return f"{warned}{reached}\n\n" + _latex_table(costs(comparison), f"{data_name(comparison.data)}: what a run took.")


def _latex_table(table: Cells, said: str) -> str:
    head, *body = [[_escape(cell) for cell in row] for row in table]
    rows = [" & ".join(row) + r" \\" for row in body]
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
    lines += [" & ".join(head) + r" \\", r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, rf"\caption{{{_escape(said)}}}", r"\end{table}"])


def _escape(text: str) -> str:
    named = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    escapes = named | {special: f"\\{special}" for special in "&%$#_{}"}
    return "".join(escapes.get(c, c) for c in text)


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """A row per run, best first, with every column in full precision; None where there is nothing to say."""
    rows, c = [], comparison
    for r in c.rows:
        (low, high), (least, most), (worse, better) = r.ci95, r.iqm_ci95, r.improvement_ci95 or (None, None)
        row = {"data": c.data, "metric": c.metric, "run": r.label, "path": r.path, "seeds": r.n, "diverged": r.diverged}
        row |= {"mean": r.mean, "mean_low": low, "mean_high": high, "iqm": r.iqm, "iqm_low": least, "iqm_high": most}
        row |= {"median": r.median, "worst": r.worst}
        row |= {"worst_seed": r.worst_seed, "collapsed": r.collapsed, "modes": c.modes, "round": r.round}
        row |= {"high_quality": r.high_quality}
        row |= {
            "reference": c.reference,
            "improvement": r.improvement,
            "improvement_low": worse,
            "improvement_high": better,
        }
        row |= {"p": r.p, "p_holm": r.p_holm, "p_least": r.p_least}
        rows.append(row | {f"cost.{name}": spent for name, spent in r.cost.items()})
    return rows


def _csv(comparisons: Sequence[Comparison]) -> str:
    rows = [row for comparison in comparisons for row in records(comparison)]
    out = io.StringIO()
    writer = csv.DictWriter(out, dict.fromkeys(name for row in rows for name in row), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def _json(comparisons: Sequence[Comparison]) -> str:
    return json.dumps(finite([c.as_dict() for c in comparisons]), indent=1, allow_nan=False)


STYLES: dict[str, Callable[[Sequence[Comparison]], str]] = {
    "table": _text,
    "md": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
