"""What a person sees in a terminal while and after a run; plain lines where there is no terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from zoo.errors import ZooError, counted
from zoo.evaluation.evaluate import crowded, misses_most
from zoo.evaluation.subjects import MANY
from zoo.looking.tables import interval
from zoo.metrics.spec import BY_NAME, goodness
from zoo.runs import session
from zoo.runs.environment import device_name
from zoo.runs.naming import data_name, words
from zoo.statistics import number, shown
from zoo.training import Record

SHOWN = {
    "modes": "modes covered",
    "high_quality": "high-quality share",
    "reverse_kl": "reverse KL (nats)",
    "fid": "FID (our judge's)",
    "recall": "recall",
    "coverage": "coverage (data near samples)",
    "precision": "precision (samples near data)",
    "one_nn": "1-NN accuracy (best: .5)",
}


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


def show_summary(console: Console, run: session.Session, summary: dict[str, Any], rest: float, tracked: bool) -> None:
    """The table: each metric with its interval over seeds, beside what the data, a collapsed sampler and noise score.

    ``rest``: seconds of this sitting that were not training.
    """
    metrics, references = summary["metrics"], summary["reference"]
    if metrics:
        what = f"{summary['variant']} on {data_name(summary['data'])}"
        told = f"{counted(len(summary['seeds']), 'seed')}, {counted(summary['rounds'], 'round')}"
        table = Table(title=f"{what}: {told}", title_style="bold")
        table.add_column("")
        for head in (
            "mean",
            "95 % interval",
            "worst seed",
            *(f"{name} itself" if name == "data" else name for name in references),
        ):
            table.add_column(head, justify="right", style="bold" if head == "mean" else None)
        for name in [m for m in SHOWN if m in metrics] or list(metrics):
            m = metrics[name]
            better = BY_NAME[name].better if name in BY_NAME else m.get("better", "higher")
            worst = min(
                m["per_seed"], key=lambda v: (not math.isnan(v), goodness(better, v))
            )  # nothing is worse than no number
            told = SHOWN.get(name, name) + (f" of {run.data.modes:,}" if name == "modes" else "")
            known = len(m["per_seed"]) - m["missing"]
            band = interval(shown(m["ci95"], known))
            others = (number(scores[name]) if name in scores else "" for scores in references.values())
            only = f" ({known} seeds)" if m["missing"] else ""
            table.add_row(told, f"{number(m['mean'])}{only}", band, number(worst), *others)
        console.print(table)
    for sentence in [*summary["verdict"], *shares(summary["verdict"], run.cell.protocol.samples)]:
        console.print(sentence, soft_wrap=True)
    if summary["judge"]:
        told = summary["judge"]
        console.print(
            f"Modes are the classes that our judge sees; it is right on {told['accuracy']:.2%} of {told['tested_on']:,} held-out images."
        )
    if summary["diverged"]:
        console.print(f"Diverged seeds: {', '.join(map(str, summary['diverged']))}.")
    seconds, each = summary["seconds"], summary["cost"]["seconds_per_seed"]
    made = "compiled" if run.compiled else "traced"
    told = f"Trained in {seconds:.0f} s, {each:.1f} s per seed; {made}, evaluated and drew in {rest:.0f} s more."
    console.print(f"{told} Files are in {run.folder}", soft_wrap=True)
    console.print("  samples.png  losses.png  strip.png  samples.gif  summary.json  metrics.csv")
    if tracked:
        console.print("Compare runs in the browser with: zoo ui")


def shares(verdict: list[str], samples: int) -> list[str]:
    """Why the data's share in the verdict is not quite the table's, where the verdict tells one."""
    told = any("high quality" in sentence for sentence in verdict)
    return [f"The data's share is of {MANY:,} samples in these sentences, in the table of {samples:,}."] * told


def track_runs(folders: list[Path]) -> None:
    """`zoo track`: log every finished run in these folders."""
    from zoo import tracking
    from zoo.runs import rundir

    roots = {path: tracking.root_of(folder) for folder in folders for path in rundir.find([folder])}
    runs, damaged = rundir.read_all(folders)
    found = [run.path for run in runs if run.finished]
    if not found:
        raise ZooError(f"There is no finished run (a summary.json) in {', '.join(map(str, folders))}.")
    for sentence in damaged:
        print(f"zoo: {sentence}", file=sys.stderr)
    failed = len(damaged)
    for folder in found:
        failure = tracking.try_log(folder, roots[folder])
        print(failure or f"logged {folder}", file=sys.stderr if failure else sys.stdout)
        failed += bool(failure)
    if failed:
        raise SystemExit(1)


@contextmanager
def judge_bar(*, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """A bar that hears of the judge's training, and shows itself when there is some; lines where there is no terminal."""
    console = terminal(quiet)
    if not console.is_terminal:
        yield judge_log(console)
        return
    with Progress(
        TextColumn("training the judge"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=1.0, visible=False)
        yield lambda share: bar.update(task, completed=share, visible=True)


def judge_log(console: Console) -> Callable[[float], None]:
    """What hears of the judge's training for a log: how long it takes, once a hundredth has been timed, and a line for every tenth."""
    from zoo.sweeps.estimate import in_words

    first: tuple[float, float] | None = None
    foretold, said = False, 0

    def hear(share: float) -> None:
        nonlocal first, foretold, said
        now = time.monotonic()
        first = first or (share, now)
        done, spent = share - first[0], now - first[1]
        if not foretold and done >= 0.01:
            console.print(f"training the judge: about {in_words(spent / done)}")
            foretold = True
        if (tenths := int(10 * share + 1e-9)) > said:
            console.print(f"training the judge: {10 * tenths} %, {spent:.0f} s")
            said = tenths

    return hear


def train_judge(name: str, root: str | None, train: bool) -> None:
    """`zoo judge`: train (or find) the judge of a data set, with a progress bar, and say how good it is."""
    import toy_data
    from zoo.evaluation import judge

    data = toy_data.load(name, root)
    with judge_bar() as heard:
        found = judge.judge(data, progress=heard, train=train)
    terminal().print(
        f"The judge of {name} is right on {found.accuracy:.2%} of {found.tested_on:,} held-out images (kept in {judge.cache_root()})."
    )
