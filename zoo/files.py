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

from zoo.errors import ZooError

LOCK = ".training"
"""In a folder whose files one process writes, its number."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep ``folder`` from other processes that ask for it too; ``ZooError`` naming the one that has it. Death lets go of it."""
    import fcntl

    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ZooError(f"{folder} is being trained by process {file.read()} on this machine.") from None
        except OSError:
            pass  # a file system that keeps no locks
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)


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
