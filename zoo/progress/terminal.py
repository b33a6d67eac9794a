"""What a person sees in a terminal while a run goes on; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from zoo.errors import counted
from zoo.evaluation.evaluate import crowded, misses_most
from zoo.runs import session
from zoo.runs.environment import device_name
from zoo.runs.naming import data_name, words
from zoo.statistics import number
from zoo.training import Record

WORTH_TELLING = 10.0
"""Seconds of a judge's training from which a log tells of it."""
NEAR = ("recall", "precision")
"""Metrics of points that have no modes of their own, of which a run tells while it goes on."""


def terminal(quiet: bool = False) -> Console:
    """Where a run tells of itself; what is not a terminal (a file, a pipe) is wide enough for a table."""
    console = Console(quiet=quiet, highlight=False, markup=False)
    return console if console.is_terminal else Console(quiet=quiet, highlight=False, markup=False, width=110)


@dataclass
class Live(session.Listener):
    """A progress bar with the modes covered so far; a line per evaluation where stdout is not a terminal."""

    console: Console
    progress: Progress | None = None
    last: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.monotonic)

    def said(self, line: str) -> None:
        self.console.print(line)

    def started(self, run: session.Session) -> None:
        cell = run.cell
        self.total, self.modes = cell.recipe.rounds, run.data.modes
        told = "".join(f" {word}" for word in words(cell.options))
        device = device_name(run.device)
        parts = (
            (cell.variant, "bold"),
            told,
            " on ",
            (data_name(cell.data), "bold"),
            f", {counted(len(cell.seeds), 'seed')}{' side by side' * (len(cell.seeds) > 1)}, {device}",
        )
        self.console.print(Text.assemble(*parts))
        for sentence in dict.fromkeys(run.scoring.unavailable.values()):
            self.console.print(f"Not measured: {sentence}", soft_wrap=True)
        for sentence in crowded(run.data, cell.protocol) + misses_most(run.data, cell.protocol):
            self.console.print(f"Warning: {sentence}", soft_wrap=True)
        if self.console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("rounds"),
                TextColumn("{task.fields[live]}", markup=False),
            )
            self.progress = Progress(
                *columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=self.console
            )
            self.progress.start()
            self.task = self.progress.add_task(
                "", total=self.total, completed=run.training.played, live="first round is being traced"
            )

    def played(self, rounds: int) -> None:
        now = time.monotonic()
        if self.progress and now - self.last > 0.1:
            self.last = now
            self.progress.update(self.task, completed=rounds)

    def evaluated(self, record: Record) -> None:
        live = self.live(record)
        if self.progress:
            self.progress.update(self.task, completed=record.round, live=live)
        else:
            self.console.print(
                f"round {record.round:>7,} of {self.total:,}  {live}  {time.monotonic() - self.began:.0f} s"
            )

    def live(self, record: Record) -> str:
        """The state of all seeds in a few words."""
        told = []
        if "modes" in record.metrics:
            of = f"/{self.modes}" if self.modes else ""
            told.append(f"modes {record.metrics['modes'].mean():.1f}{of}")
        if "high_quality" in record.metrics:
            told.append(f"high quality {100 * record.metrics['high_quality'].mean():.0f} %")
        if "fid" in record.metrics:
            told.append(f"FID {number(float(record.metrics['fid'].mean()))}")
        told += [f"{name} {record.metrics[name].mean():.2f}" for name in NEAR if name in record.metrics]
        if not told:
            told = [f"loss {name} {value.mean():.2f}" for name, value in record.losses.items()]
        if record.diverged:
            told.append(f"{len(record.diverged)} diverged")
        return ", ".join(told)

    def close(self) -> None:
        if self.progress:
            self.progress.stop()


@contextmanager
def judge_bar(*, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """A bar that hears of the judge's training, and shows itself when there is some; lines where there is no terminal."""
    console = terminal(quiet)
    if not console.is_terminal:
        yield judge_log(console.print)
        return
    with Progress(
        TextColumn("training the judge"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=1.0, visible=False)
        yield lambda share: bar.update(task, completed=share, visible=True)


def judge_log(say: Callable[[str], Any]) -> Callable[[float], None]:
    """What hears of the judge's training, and says in lines how long it takes, once a hundredth has been timed, and a line for every tenth.

    Of one that takes a few seconds it says nothing.
    """
    from zoo.sweeps.estimate import in_words

    first: tuple[float, float] | None = None
    foretold: float | None = None
    said = 0

    def hear(share: float) -> None:
        nonlocal first, foretold, said
        now = time.monotonic()
        first = first or (share, now)
        done, spent = share - first[0], now - first[1]
        if foretold is None and done >= 0.01:
            foretold = spent / done
            if foretold >= WORTH_TELLING:
                say(f"training the judge: about {in_words(foretold)}")
        if foretold is None or foretold < WORTH_TELLING:
            return
        if (tenths := int(10 * share + 1e-9)) > said:
            say(f"training the judge: {10 * tenths} %, {spent:.0f} s")
            said = tenths

    return hear
