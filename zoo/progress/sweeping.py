"""What `zoo sweep` and ``zoo.sweep`` say before, while and after."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from zoo.errors import counted
from zoo.progress.stopping import asking

if TYPE_CHECKING:
    from rich.console import Console

    from zoo.runs.cell import Cell
    from zoo.sweeps.sweep import Sweep

STOPPED = 130
"""What ``play`` gives after Ctrl-C: the exit code of a command that it ended."""


def aloud(sentence: str) -> None:
    """What a sweep has to say, as it comes."""
    print(sentence, flush=True)


def foretell(sweep: Sweep, device: str, *, in_order: bool = False) -> None:
    """Say what there is to do and how long it will take; the cells that take longest come first, unless they are to stay ``in_order``."""
    from zoo.sweeps.estimate import estimate, in_words

    cells, left = sweep.cells, sweep.left
    sweep.heard(
        f"{counted(len(cells), 'cell')} ({_described(cells)}); {len(cells) - len(left)} finished, {len(left)} to do."
    )
    if not left:
        return
    if not sweep.executor.here:
        sweep.heard(f"No estimate: the machines of {sweep.executor.place} are not this one.")
        return
    _train_judges(left, sweep.heard)
    told = estimate(left, sweep.folder_of, device)
    slots = min(sweep.executor.slots, len(left))
    if told.seconds:
        sweep.heard(f"About {in_words(told.wall(slots))} on {sweep.executor.place} ({told.source}).")
    else:
        sweep.heard(f"No estimate: none of the cells could be played for a moment. On {sweep.executor.place}.")
    if not in_order:
        sweep.cells = told.longest_first(cells)


def _train_judges(cells: Iterable[Cell], say: Callable[[str], Any]) -> None:
    """Those that cells train by themselves, once and told of: side by side each would train the same one in silence."""
    import toy_data
    from zoo.evaluation.judge import judge
    from zoo.evaluation.scoring import awaits_judge
    from zoo.progress.terminal import judge_log

    for name, root in dict.fromkeys((cell.data, cell.data_root) for cell in cells):
        data = toy_data.load(name, root)
        if isinstance(data, toy_data.Images) and not awaits_judge(data):
            judge(data, progress=judge_log(say))


def play(sweep: Sweep, console: Console, go_on: str) -> int:
    """Run it, a line per cell; 0, 1 with a table of failures (or when cells stopped unasked), or STOPPED with how to ``go_on``."""
    from rich.table import Table

    from zoo.sweeps.grid import label
    from zoo.sweeps.worker import Status

    def ask_to_stop() -> None:
        os.write(2, b"Stopping: the running cells save their checkpoints. (Again: quit at once.)\n")
        sweep.stop()

    todo, interrupted = len(sweep.left), False
    with asking(ask_to_stop) as asked:
        try:
            with closing(sweep.run()) as outcomes:
                for i, outcome in enumerate(outcomes, start=1):
                    told = f": {outcome.error}" if outcome.error else ""
                    line = f"[{i}/{todo}] {label(outcome.cell)}, {outcome.status}{told} ({outcome.seconds:.0f} s)"
                    sweep.heard(f"{line}  {outcome.folder}")
        except KeyboardInterrupt:
            interrupted = True
    failures = sweep.of(Status.FAILED)
    if failures:
        table = Table(title=f"{counted(len(failures), 'cell')} failed", title_style="bold")
        for head in ("cell", "why", "traceback"):
            table.add_column(head, overflow="fold")
        for outcome in failures:
            table.add_row(label(outcome.cell), outcome.error, str(sweep.told_of(outcome.cell)))
        console.print(table)
    if interrupted or asked:
        left = len(sweep.left)
        print(f"Stopped; {counted(left, 'cell')} left. {go_on}", file=sys.stderr)
        return STOPPED
    if sweep.held:
        sweep.heard(f"{counted(len(sweep.held), 'cell')} left to {', '.join(sorted(set(sweep.held)))}.")
    sweep.heard(f"{len(sweep.cells) - len(sweep.left)} of {counted(len(sweep.cells), 'cell')} finished, in {sweep.out}")
    return 1 if failures or sweep.of(Status.INTERRUPTED) else 0


def _described(cells: Sequence[Cell]) -> str:
    variants, data = {c.variant for c in cells}, {c.data for c in cells}
    seeds = sum(len(c.seeds) for c in cells)
    return (
        f"{counted(len(variants), 'variant')} on {counted(len(data), 'data set')}, {counted(seeds, 'training')} in all"
    )
