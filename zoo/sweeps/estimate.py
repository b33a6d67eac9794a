"""How long a sweep will take, said before it begins: from what equal cells cost before, else from a few rounds played now."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from zoo.runs.cell import Cell
from zoo.runs.environment import device_name, resolve_device
from zoo.runs.rundir import CONFIG, SUMMARY
from zoo.runs.session import Session

BUDGET = 10.0
"""Seconds that measuring may take; cells beyond it are taken to cost what the measured ones do."""
ROUNDS = 5
"""Rounds between the two evaluations of a measurement."""
PICTURES = 2.0
"""Seconds for the pictures and files of one run."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one cell: ``fixed``, then for each round and each evaluation."""

    fixed: float
    round: float
    evaluation: float

    def of(self, cell: Cell) -> float:
        return self.fixed + self.round * cell.recipe.rounds + self.evaluation * len(cell.recipe.evaluations())


@dataclass(frozen=True)
class Estimate:
    """Seconds by cell's key, and how many of them were recorded, measured, or taken from the measured ones."""

    seconds: dict[str, float]
    recorded: int
    measured: int

    def wall(self, slots: int) -> float:
        """Seconds until the last cell ends, with so many at a time, the longest first."""
        ends = [0.0] * max(1, slots)
        for seconds in sorted(self.seconds.values(), reverse=True):
            heapq.heapreplace(ends, ends[0] + seconds)
        return max(ends)

    def longest_first(self, cells: Iterable[Cell]) -> list[Cell]:
        """In the order in which they end soonest: a long one begun last would keep one core busy and leave the others idle."""
        return sorted(cells, key=lambda cell: -self.seconds.get(cell.key, 0.0))

    @property
    def source(self) -> str:
        """Where the numbers are from, in words."""
        assumed = len(self.seconds) - self.recorded - self.measured
        told = [
            f"{self.recorded} from recorded runs (training alone)" if self.recorded else "",
            f"{self.measured} from a few rounds played now" if self.measured else "",
            f"{assumed} as the others" if assumed else "",
        ]
        return ", ".join(filter(None, told))


def estimate(cells: Sequence[Cell], folder_of: Callable[[Cell], Path], device: str, budget: float = BUDGET) -> Estimate:
    """What ``cells`` will cost on ``device``. Recorded runs are looked for beside the cells' folders."""
    known: dict[str, Cost] = {}
    past = _past({folder_of(cell).parent for cell in cells}, device)
    recorded = {cell.key: past[kind(cell)] * cell.recipe.rounds for cell in cells if kind(cell) in past}
    left = [cell for cell in cells if cell.key not in recorded]
    ends = time.monotonic() + budget
    for cell in spread(left):
        if time.monotonic() > ends:
            break
        if kind(cell) not in known:
            cost = measure(cell, device, ends - time.monotonic())
            if cost is not None:
                known[kind(cell)] = cost
    seconds = recorded | {cell.key: known[kind(cell)].of(cell) for cell in left if kind(cell) in known}
    measured = len(seconds) - len(recorded)
    for cell in left:
        if cell.key not in seconds and (known or recorded):
            seconds[cell.key] = mean([c.of(cell) for c in known.values()] or list(recorded.values()))
    return Estimate(seconds, len(recorded), measured)


def kind(cell: Cell) -> str:
    """What cells have in common that cost the same per round."""
    return _kind(cell.as_dict())


def _kind(config: dict[str, Any]) -> str:
    recipe = {k: v for k, v in config["recipe"].items() if k not in ("rounds", "every", "lr_d", "lr_g", "decay")}
    matters = [config["variant"], config["options"], config["data"], recipe, len(config["seeds"])]
    return json.dumps(matters, sort_keys=True)


def spread(cells: Iterable[Cell]) -> list[Cell]:
    """One cell of each variant and data set first, then the second ones, and so on."""
    turn: dict[tuple[str, str], int] = {}
    order: list[tuple[int, int, Cell]] = []
    for cell in cells:
        turn[cell.variant, cell.data] = turn.get((cell.variant, cell.data), -1) + 1
        order.append((turn[cell.variant, cell.data], len(order), cell))
    return [cell for _, _, cell in sorted(order, key=lambda item: item[:2])]


def _past(folders: Iterable[Path], device: str) -> dict[str, float]:
    """Seconds per round of finished runs on the same device, by kind."""
    here, found = device_name(resolve_device(device)), {}
    for path in (path for folder in folders for path in folder.glob(f"*/{SUMMARY}")):
        try:
            config, summary = (json.loads(p.read_text(encoding="utf-8")) for p in (path.with_name(CONFIG), path))
            if summary["device"] == here:
                found[_kind(config)] = summary["seconds"] / summary["rounds"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half a run, or not ours: it tells nothing
    return found


def measure(cell: Cell, device: str, limit: float = BUDGET) -> Cost | None:
    """Play a few rounds of a cell, in about ``limit`` seconds at most; None where it cannot be played.

    Writes nothing but the judge of a small set of images, which is trained where there is none yet (seconds, beside the limit).
    """
    threads, started = torch.get_num_threads(), time.perf_counter()
    torch.set_num_threads(1)
    short = replace(cell, recipe=replace(cell.recipe, rounds=2 * ROUNDS, every=ROUNDS))
    try:
        run = Session(short, Path(), resolve_device(device))
        timer = threading.Timer(max(limit, 0.1), run.asked_to_stop.set)
        timer.start()
        try:
            ends = [(time.perf_counter(), record.seconds) for record in run.training]
        finally:
            timer.cancel()
    except Exception:  # the sweep will meet it in its place, and tell of it
        return None
    finally:
        torch.set_num_threads(threads)
    played = max(run.training.played, 1)
    if len(ends) < 2:
        return Cost(time.perf_counter() - started + PICTURES, run.training.seconds / played, 0.0)
    (first, before), (second, after) = ends
    each = (after - before) / ROUNDS
    evaluation = max(0.0, second - first - (after - before))
    return Cost(max(0.0, first - started - before - evaluation) + PICTURES, each, evaluation)


def in_words(seconds: float) -> str:
    """90 -> '2 min'; 4000 -> '1.1 h'."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
