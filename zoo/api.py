"""The zoo from Python: ``result = zoo.run("unrolled", data="ring", k=5, seeds=8)``."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.recipe import fields
from zoo.runs import pictures, session
from zoo.runs.cell import plan

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Result:
    """A finished run: its folder, and what is in it."""

    folder: Path
    summary: dict[str, Any]

    @property
    def samples(self) -> np.ndarray:
        """The final samples ``[S, N, *data]``."""
        with np.load(self.folder / "samples.npz") as file:
            return file["samples"]

    @property
    def metrics(self) -> pandas.DataFrame:
        """Every evaluation: one row per seed and round."""
        import pandas

        return pandas.read_csv(self.folder / "metrics.csv")

    def table(self) -> pandas.DataFrame:
        """One row per metric: mean, median, 95 % interval, and what the reference samplers score."""
        import pandas

        rows = {}
        for name, m in self.summary["metrics"].items():
            low, high = m["ci95"]
            rows[name] = {"mean": m["mean"], "median": m["median"], "low": low, "high": high}
            rows[name] |= {sampler: scores.get(name) for sampler, scores in self.summary["reference"].items()}
        return pandas.DataFrame.from_dict(rows, orient="index")


def run(
    variant: str | None = None,
    *,
    data: str | None = None,
    recipe: str | None = None,
    seeds: str | int | Sequence[int] = 8,
    protocol: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    compile: bool | None = None,
    tf32: bool = False,
    out: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Result:
    """Train ``variant`` (else the recipe's own) with ``options``: its own, and fields of the recipe (rounds, lr_d, ...), as on the command line.

    ``compile`` says whether a round is compiled; by itself it is where that is repaid. ``tf32`` lets a GPU multiply with fewer bits.
    Raises ``ZooError`` for anything that is not right, before a file is written. An option that neither has is refused.
    """
    from rich.console import Console

    from zoo.cli.terminal import Live

    changes = {name: options.pop(name) for name in fields() if name in options}
    cell = plan(
        variant,
        options,
        data=data,
        recipe=recipe,
        changes=changes,
        seeds=seeds,
        protocol=protocol,
        data_root=data_root,
    )
    listener = Live(Console(highlight=False)) if progress else session.Listener()
    folder = Path(out) if out else None
    made = session.start(cell, out=folder, device=device, compile=compile, tf32=tf32, listener=listener)
    with contextlib.ExitStack() as stack:
        if isinstance(listener, Live):
            stack.callback(listener.close)
        summary = made.train()
    pictures.draw(made)
    return Result(made.folder, summary)
