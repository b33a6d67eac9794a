"""Files that are whole or not there: written beside, synced, renamed; and the TOML that a user writes."""

from __future__ import annotations

import json
import math
import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from numpy.typing import NDArray

from zoo.errors import ZooError, typed

LOCK = ".training"
"""In a folder whose files one process writes, its number."""


def cache_root() -> Path:
    """What is made once on a machine and kept: ``$ZOO_CACHE``, by default in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("ZOO_CACHE") or Path(home) / "mode-collapse-zoo")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep ``folder`` from other processes that ask for it too; ``ZooError`` naming the one that has it. Death lets go of it."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_held(folder / LOCK, wait=False))
        except BlockingIOError as error:
            raise ZooError(f"{folder} is being trained by process {error} on this machine.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def in_turn(file: Path) -> Iterator[None]:
    """Write ``file`` while no other process on this machine does so within its ``in_turn``; waits for them. Death lets go of it."""
    with _held(file.with_name(f".{file.name}.lock"), wait=True):
        yield


@contextmanager
def _held(path: Path, *, wait: bool) -> Iterator[IO[str]]:
    """A lock file, made, held, and taken away; ``BlockingIOError`` with what stands in it where another has it and it is not waited for."""
    with ExitStack() as stack:
        while True:
            file = stack.enter_context(path.open("a+"))
            if not _locked(file, wait):
                file.seek(0)
                raise BlockingIOError(file.read())
            with suppress(FileNotFoundError):
                if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                    break  # else whoever had it took the file away after it was opened here
        try:
            yield file
        finally:
            path.unlink(missing_ok=True)


def _locked(file: IO[str], wait: bool) -> bool:
    """Lock an open file until it is closed; False where another has it and it is not waited for."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system that keeps no locks
    return True


def read_toml(path: Path, what: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a TOML file that says what a ``what`` is; ``ZooError`` where it is none, or ``typed`` finds a wrong key or value."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ZooError(f"{path} is not a {what}: {error}.") from error
    typed(content, kinds, f"in the {what} {path}")
    return content


def write_text(path: Path, text: str) -> None:
    """Write ``text``; a reader sees the old file or the new one, never half of one."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data``, in the same way."""
    with _whole(path) as file:
        file.write(data)


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write named arrays, compressed, in the same way; never all of them a second time in memory."""
    import numpy as np

    with _whole(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the name ``path`` once it is whole and on disk."""
    with beside(path) as new:
        with synced(new) as file:
            yield file
        os.replace(new, path)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A name beside ``path`` under which nobody else writes; a file that still has it in the end is taken away."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Take away what processes that were killed left half-written in ``folder``; for who has it alone."""
    for half in folder.glob(f"*.{8 * '[0-9a-f]'}.new"):
        half.unlink(missing_ok=True)


@contextmanager
def synced(path: Path) -> Iterator[BinaryIO]:
    """A file to write under its own name that is on disk in the end."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


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
