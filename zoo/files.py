"""Files that are whole or not there: written beside, synced, renamed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_text(path: Path, text: str) -> None:
    """Write ``text``; a reader sees the old file or the new one, never half of one."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data``, in the same way."""
    with _beside(path) as file:
        file.write(data)


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write named arrays, compressed, in the same way; never all of them a second time in memory."""
    import numpy as np

    with _beside(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


@contextmanager
def _beside(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the name ``path`` once it is whole and on disk."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows of one shape as CSV, floats in full."""
    head = list(rows[0])
    write_text(path, "\n".join([",".join(head), *(",".join(repr(row[k]) for k in head) for row in rows)]) + "\n")


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
