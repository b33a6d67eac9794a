"""What a benchmark measured and where, row by row, in NAME.json and as Markdown in NAME.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoo.runs.environment import device_name

Row = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """The rows of a benchmark by part, beside the command, device and torch that made them."""

    stem: Path
    made: dict[str, Any]
    table: Callable[[dict[str, Any]], str]

    def keep(self, part: str, rows: list[Row], *same: str) -> None:
        """Rows in the place of those recorded that agree with them in the columns ``same``; written at once."""
        anew = {tuple(row[column] for column in same) for row in rows}
        self.made[part] = [r for r in self.made[part] if tuple(r[column] for column in same) not in anew] + rows
        self.stem.with_suffix(".json").write_text(written(self.made), encoding="utf-8")
        self.stem.with_suffix(".md").write_text(self.table(self.made), encoding="utf-8")


def written(made: dict[str, Any]) -> str:
    """As JSON, a line for each row: what is measured anew shows as its own lines."""
    parts = (
        f" {json.dumps(name)}: "
        + ("[\n  " + ",\n  ".join(map(json.dumps, of)) + "\n ]" if isinstance(of, list) else json.dumps(of))
        for name, of in made.items()
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"


def folder(path: str) -> Path:
    """A folder to record in, there before anything is measured."""
    made = Path(path)
    made.mkdir(parents=True, exist_ok=True)
    return made


def begin(
    stem: Path,
    device: torch.device,
    table: Callable[[dict[str, Any]], str],
    parts: list[str],
    *,
    anew: bool,
    about: dict[str, Any] | None = None,
) -> Record:
    """A record of nothing, or (not ``anew``) of what stands there, if it is this device's: figures of two stand in no table together.

    ``about``: what else to say of how it was measured.
    """
    name, file = device_name(device), stem.with_suffix(".json")
    old = {} if anew or not file.exists() else json.loads(file.read_text(encoding="utf-8"))
    kept = {part: old.get(part, []) if old.get("device") == name else [] for part in parts}
    command = " ".join([f"python -m benchmarks.{stem.name}", *sys.argv[1:]])
    told = {"command": command, "device": name, "torch": torch.__version__.split("+")[0]} | (about or {})
    return Record(stem, told | kept, table)
