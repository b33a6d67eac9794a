"""A run's directory, read into one frozen ``Run``. ``zoo.files`` writes what is read here.

Files are the source of truth: comparison and report are made from them, and can be made again. What stands where:

    config.json    what was asked for: variant, options, data, recipe, seeds, protocol, versions, command
    summary.json   what came out: every metric per seed with its interval, reference samplers, diverged seeds, cost
    metrics.csv    seed, round, and every metric and loss: one row per seed and evaluation
    samples.npz    ``samples [S, N, *data]``, and ``rounds [R]`` with ``history [R, S, n, *data]`` for the film; of points in the
                   plane also ``landscape [R, seeds, side, side]``, D's output over the square ``plane [x0, x1, y0, y1]``
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.errors import ZooError, briefly, unknown
from zoo.runs.naming import source_of, title, words
from zoo.statistics import Values

Columns: TypeAlias = dict[str, Values]
"""``metrics.csv`` by column: name to ``[rows]``."""

CONFIG, SUMMARY, METRICS, SAMPLES = "config.json", "summary.json", "metrics.csv", "samples.npz"
GENERATOR = "generator.safetensors"
"""The weights that samples come from, of a finished run."""
DONE, INTERRUPTED = "DONE", "INTERRUPTED"
"""Empty files that say how a run ended."""
NAME, TABLE, NUMBERS, RECIPE = "a name", "a table", "a list of whole numbers", "a table with a whole number of rounds"
OR_NONE = f"{NAME}, or null"
KINDS: dict[str, Callable[[Any], bool]] = {
    NAME: lambda value: isinstance(value, str),
    OR_NONE: lambda value: value is None or isinstance(value, str),
    TABLE: lambda value: isinstance(value, dict),
    NUMBERS: lambda value: isinstance(value, list) and all(type(each) is int for each in value),
    RECIPE: lambda value: isinstance(value, dict) and type(value.get("rounds")) is int,
}
WRITTEN: dict[str, dict[str, str]] = {
    CONFIG: {"variant": NAME, "options": TABLE, "data": NAME, "recipe": RECIPE, "seeds": NUMBERS},
    SUMMARY: {"metrics": TABLE},
}
"""What every run writes into a file, and of what kind it is."""
MAY_BE: dict[str, dict[str, str]] = {
    CONFIG: dict.fromkeys(("fingerprint", "data_path", "data_root", "recipe_name"), OR_NONE) | {"protocol": TABLE},
    SUMMARY: {"diverged": NUMBERS},
}
"""What newer runs write, and others leave out."""
STORE = "mlartifacts"
"""Where MLflow keeps its copies of runs' files, beside the runs; they are no runs themselves."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; ``ZooError`` when it is missing or damaged."""
    try:
        value = json.loads(path.read_text())
    except OSError as error:
        raise ZooError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ZooError(f"{path} is not valid JSON ({error}); it was cut short or edited.") from error
    if not isinstance(value, dict):
        raise ZooError(f"{path} should hold one JSON object, not a {type(value).__name__}.")
    return value


def read_whole(path: Path) -> dict[str, Any]:
    """A run's ``config.json`` or ``summary.json``; ``ZooError`` where it lacks what every run writes, or something in it is of another kind."""
    content = read_json(path)
    missing = [key for key in WRITTEN[path.name] if key not in content]
    if missing:
        raise ZooError(f"{path} lacks {', '.join(map(repr, missing))}, which every run writes.")
    for key, kind in {**WRITTEN[path.name], **MAY_BE[path.name]}.items():
        if key in content and not KINDS[kind](content[key]):
            raise ZooError(f"'{key}' in {path} is {kind}, not {briefly(content[key])}; it was edited or damaged.")
    return content


def read_metrics(path: Path) -> Columns:
    """``metrics.csv`` by column; empty cells are NaN. ``ZooError`` where it is damaged: a run writes it whole or not at all."""
    try:
        with path.open(newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except OSError as error:
        raise ZooError(f"{path} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"{path} is not text with commas ({error}); it was damaged or edited.") from error
    if header[:2] != ["seed", "round"]:
        raise ZooError(
            f"{path} should begin with the columns seed,round and begins with {','.join(header[:2]) or 'nothing'}."
        )
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise ZooError(f"{path}, line {number}, has {len(line)} values where the header has {len(header)}.")
    try:
        table = np.array([[float(cell) if cell else math.nan for cell in line] for line in lines], dtype=float)
    except ValueError as error:
        raise ZooError(f"{path} holds something that is not a number ({error}).") from error
    table = table.reshape(len(lines), len(header))
    return {name: table[:, i] for i, name in enumerate(header)}


def by_round(table: Columns, name: str) -> tuple[Values, Values, Values]:
    """One column as ``rounds [R]``, ``seeds [S]``, ``values [R, S]``; NaN where a seed has no row."""
    if name not in table:
        raise unknown("column of metrics.csv", name, table)
    rounds, row = np.unique(table["round"], return_inverse=True)
    seeds, lane = np.unique(table["seed"], return_inverse=True)
    values = np.full((len(rounds), len(seeds)), math.nan)
    values[row, lane] = table[name]
    return rounds, seeds, values


@dataclass(frozen=True)
class Run:
    """One run directory, ``config`` and ``summary`` as on disk (``summary`` is empty while the run is unfinished)."""

    path: Path
    config: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def variant(self) -> str:
        return str(self.config["variant"])

    @property
    def options(self) -> Mapping[str, Any]:
        return self.config["options"]

    @property
    def data(self) -> str:
        return str(self.config["data"])

    @property
    def fingerprint(self) -> str | None:
        """What data of the user's own held; None of the zoo's, whose names say it, and of old runs."""
        return self.config.get("fingerprint")

    @property
    def source(self) -> str:
        """What the data are loaded by."""
        return source_of(self.data, self.config.get("data_path"))

    @property
    def recipe(self) -> Mapping[str, Any]:
        return self.config["recipe"]

    @property
    def seeds(self) -> list[int]:
        return [int(seed) for seed in self.config["seeds"]]

    @property
    def protocol(self) -> Mapping[str, Any]:
        return self.config.get("protocol") or {}

    @property
    def rounds(self) -> int:
        """Rounds that the recipe asks for."""
        return int(self.recipe["rounds"])

    @property
    def command(self) -> str:
        return str(self.config.get("command", ""))

    @property
    def finished(self) -> bool:
        return bool(self.summary)

    @property
    def label(self) -> str:
        """The variant and its options: ``unrolled k=5``."""
        return " ".join([self.variant, *words(self.options)])

    @property
    def title(self) -> str:
        """What a picture of the run is of: ``unrolled k=5 on ring, 8 seeds``."""
        return title(self.variant, self.options, self.data, self.seeds)

    @property
    def diverged(self) -> list[int]:
        """Seeds that stopped being finite."""
        return [int(seed) for seed in self.summary.get("diverged", [])]

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics in the summary."""
        return list(self.summary.get("metrics", {}))

    @property
    def cost(self) -> dict[str, float]:
        """What the run cost: seconds, D and G updates, FLOPs, as far as they were recorded."""
        recorded = {k: float(v) for k, v in (self.summary.get("cost") or {}).items() if isinstance(v, int | float)}
        seconds = self.summary.get("seconds")
        return {**recorded, "seconds": float(seconds)} if seconds is not None else recorded

    def must_be_finished(self) -> None:
        """``ZooError`` where it is not."""
        if not self.finished:
            raise ZooError(
                f"{self.path} has no {SUMMARY}: the run is not finished; zoo run --resume {self.path} finishes it."
            )

    def values(self, metric: str) -> Values:
        """A metric's final value for each seed ``[S]``, NaN for those without one. MLflow's section may stand before its name."""
        self.must_be_finished()
        found = self.summary["metrics"].get(metric, self.summary["metrics"].get(metric.rpartition("/")[2]))
        if not self.metrics:
            why = (self.summary.get("unavailable") or {}).get("modes", "")
            raise ZooError(f"The run in {self.path} measured no metric{why and ': '}{why or '.'}")
        if found is None:
            raise unknown("metric", metric, self.metrics, f"in {self.path / SUMMARY}")
        try:
            values = np.array([math.nan if v is None else v for v in found["per_seed"]], dtype=float)
        except (KeyError, TypeError, ValueError) as error:
            raise ZooError(f"{self.path / SUMMARY} holds something else than numbers of {metric}.") from error
        if len(values) != len(self.seeds):
            raise ZooError(f"{self.path / SUMMARY} has {len(values)} values of {metric} for {len(self.seeds)} seeds.")
        return values

    def better(self, metric: str) -> str | None:
        """What is better of a plugin's metric, where the run tells (``zoo.metrics.spec`` declares the zoo's)."""
        told: str | None = (self.summary.get("metrics", {}).get(metric) or {}).get("better")
        return told

    @cached_property
    def table(self) -> Columns:
        """``metrics.csv`` by column."""
        return read_metrics(self.path / METRICS)

    @property
    def players(self) -> list[str]:
        """The players, as the losses in ``metrics.csv`` name them."""
        return [name.removeprefix("loss/") for name in self.table if name.startswith("loss/")]

    def arrays(self, *names: str) -> dict[str, NDArray[Any]]:
        """Arrays of ``samples.npz`` by name, those that it has; none where the file is missing."""
        path = self.path / SAMPLES
        if not path.exists():
            return {}
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in names if name in file}
        except Exception as error:  # a damaged file makes numpy, zipfile and zlib raise a dozen kinds
            raise ZooError(f"{path} cannot be read as arrays ({error}).") from error


def read(path: Path | str) -> Run:
    """The run in a directory; ``ZooError`` says in one sentence what is missing or damaged."""
    path = Path(path)
    if not path.is_dir():
        raise ZooError(f"There is no run directory {path}.")
    if not (path / CONFIG).exists():
        inside = next(_walk(path), None)
        hint = f"; it holds runs further down, such as {inside}." if inside else "."
        raise ZooError(f"{path} is not a run directory: it has no {CONFIG}{hint}")
    return Run(path, read_whole(path / CONFIG), read_whole(path / SUMMARY) if (path / SUMMARY).exists() else {})


def find(paths: Sequence[Path | str]) -> list[Path]:
    """Every run directory at or below ``paths``, each once, sorted; ``ZooError`` for a path that holds none."""
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if not path.is_dir():
            raise ZooError(f"There is no directory {path}.")
        here = list(_walk(path))
        if not here:
            raise ZooError(f"There are no runs in {path}; zoo run writes them to runs/DATA/VARIANT/ID.")
        for run in here:
            found.setdefault(run.resolve(), run)
    return sorted(found.values())


def read_all(paths: Sequence[Path | str]) -> tuple[list[Run], list[str]]:
    """Every run at or below ``paths``, and a sentence on each that is damaged; ``ZooError`` where it is itself named, or nothing else is there."""
    named, runs, damaged = {Path(path).resolve() for path in paths}, [], []
    for folder in find(paths):
        try:
            runs.append(read(folder))
        except ZooError as error:
            if folder.resolve() in named:
                raise
            damaged.append(error)
    if not runs:
        raise damaged[0]
    return runs, [f"A damaged run is left out: {error}" for error in damaged]


def _walk(path: Path) -> Iterator[Path]:
    """The run directories at or below ``path``; a run directory is not searched further."""
    if (path / CONFIG).exists():
        yield path
        return
    for entry in sorted(os.scandir(path), key=lambda e: e.name):
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") and entry.name != STORE:
            yield from _walk(Path(entry.path))
