"""Files that are whole or not there: written beside, synced, renamed."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write ``text``; a reader sees the old file or the new one, never half of one."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data``, in the same way."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as CSV, floats in full; a cell is empty where a row lacks a column that others have."""
    head = list(dict.fromkeys(name for row in rows for name in row))
    lines = (",".join(repr(row[name]) if name in row else "" for name in head) for row in rows)
    write_text(path, "\n".join([",".join(head), *lines]) + "\n")


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as JSON that any reader accepts: what is not a finite number becomes null."""
    write_text(path, json.dumps(finite(content), indent=2, allow_nan=False) + "\n")


def finite(content: Any) -> Any:
    """The same content with NaN and infinities replaced by None."""
    if isinstance(content, dict):
        return {str(k): finite(v) for k, v in content.items()}
    if isinstance(content, list | tuple):
        return [finite(v) for v in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
