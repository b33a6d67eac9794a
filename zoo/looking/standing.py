"""Where new results stand among recorded ones: how many are better beyond chance, not a rank, which the next seeds would change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo.looking.caveats import undecided
from zoo.looking.compare import Comparison, compare
from zoo.looking.sentences import verdicts
from zoo.statistics import LEVEL


def stand(ours: Sequence[Path], beside: Sequence[Path], data: str, metric: str) -> tuple[Comparison, list[str]]:
    """The table of both by ``metric``; where there are recorded ones a sentence for each of ours, by the Mann-Whitney test against every other run,
    and else what the table says of each."""
    both = [*ours, *beside]
    (table,) = compare(both, metric, data=data)
    if not beside:
        return table, verdicts(table)
    told = [f"The others ({len(beside)}) are recorded, tuned and judged in the same way: {beside[0].parent}"]
    own = {str(path) for path in ours}
    for label in (row.label for row in table.rows if row.path in own):
        (against,) = compare(both, metric, data=data, reference=label)
        apart = [row.improvement for row in against.rows if row.p_holm is not None and row.p_holm < LEVEL]
        more = sum(chance > 0.5 for chance in apart if chance is not None)
        rest = len(against.rows) - 1 - len(apart)
        told.append(
            f"{label}: of the {len(against.rows) - 1} others {more} better, {len(apart) - more} worse, {rest} not told "
            f"apart from it (Mann-Whitney, Holm's correction, {LEVEL:.0%})."
        )
        told += undecided(against.rows, next(row for row in against.rows if row.label == label))
    return table, told
