"""Who works on which cell: claim files in a folder that several machines may share. No server, no locks held open.

A claim on cell KEY is the file ``KEY.N.claim``, made with O_EXCL, so exactly one process makes it. Its owner renews the file's time
while it works and writes into it how it ended. Whoever finds the newest claim of a cell given up, or not renewed for ``STALE`` seconds,
takes over by making ``KEY.N+1.claim``: again exactly one succeeds, and the old owner, seeing a newer claim than its own, knows that
it has lost the cell. Nothing is ever deleted or renamed, so there is no moment at which two can hold one cell's newest claim.

Ages are differences between times that the file system itself gave (a file's own, and that of one touched just now), so clocks of
machines need not agree. A claim of a process of this machine that is no longer there is stale at once, where what it trained ends with it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.files import beside

NOTES = ".sweep"
"""The folder beside the runs in which a sweep keeps claims, tracebacks, what has been logged to MLflow, and signs of life."""
STALE = 120.0
"""Seconds without a renewal after which a claim may be taken over."""
RENEWALS = 8
"""How many times a claim is renewed in that time."""


class State(StrEnum):
    """How a claim stands: what is written in its file, or what its age says."""

    HELD = "held"
    STALE = "stale"
    GIVEN_UP = "given up"
    FAILED = "failed"
    DONE = "done"


@cache
def machine() -> str:
    """This machine, this boot, this space of process numbers: where a pid means something."""
    parts = [socket.gethostname()]
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts += [boot.read_text().strip()] if boot.exists() else []
    parts += [os.readlink(space)] if space.is_symlink() else []
    return " ".join(parts)


def running(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@dataclass(frozen=True)
class Claim:
    """One claim file, read: the cell's newest."""

    key: str
    number: int
    host: str
    pid: int
    age: float
    """Seconds since it was last renewed."""
    state: State


@dataclass
class Leases:
    """The claims of one process in ``folder``; a context manager that renews what it holds."""

    folder: Path
    stale: float = STALE
    lost: Callable[[str], None] = lambda key: None
    """Called, from the renewing thread, with the key of a cell that another process has taken over."""
    here: bool = True
    """Whether cells are trained on this machine and end with this process; jobs elsewhere go on for a while."""
    held: dict[str, Path] = field(default_factory=dict)

    def __enter__(self) -> Leases:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clock = self.folder / f"{socket.gethostname()}-{os.getpid()}-{id(self):x}.clock"
            self._now()
        except OSError as error:
            raise ZooError(
                f"Nothing can be written in {self.folder} ({error.strerror}); choose another --out."
            ) from error
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_end, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._end.set()
        self._thread.join()
        for key in list(self.held):
            self.end(key, State.GIVEN_UP)
        self._clock.unlink(missing_ok=True)

    def take(self, key: str) -> bool:
        """Claim a cell: True for exactly one of all who try while the claim stands."""
        newest = self.newest(key)
        if newest is not None and newest.state in (State.HELD, State.DONE):
            return False
        path = self._path(key, newest.number + 1 if newest else 0)
        try:
            number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(self._mine(State.HELD), file)
        self.held[key] = path
        return True

    def end(self, key: str, state: State) -> None:
        """Say how a cell that is held has ended; from then on nobody holds it."""
        path = self.held.pop(key, None)
        if path is not None:
            self._write(path, state)

    def forget(self, key: str) -> None:
        """A cell was done once, and its results have gone: let it be claimed again."""
        newest = self.newest(key)
        if newest is not None and newest.state is State.DONE:
            self._write(self._path(key, newest.number), State.GIVEN_UP)

    def newest(self, key: str) -> Claim | None:
        """The claim that counts, None where there was never one."""
        numbers = [int(path.name.split(".")[-2]) for path in self.folder.glob(f"{key}.*.claim")]
        if not numbers:
            return None
        path = self._path(key, max(numbers))
        age = self._now() - path.stat().st_mtime
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            host, pid, state = str(content["host"]), int(content["pid"]), State(content["state"])
            over = bool(content.get("here")) and host == machine() and not running(pid)
        except (ValueError, KeyError):  # made this moment, not yet written
            host, pid, state, over = "unknown", 0, State.HELD, False
        if state is State.HELD and (age > self.stale or over):
            state = State.STALE
        return Claim(key, max(numbers), host.split(" ")[0], pid, age, state)

    def _path(self, key: str, number: int) -> Path:
        return self.folder / f"{key}.{number}.claim"

    def _mine(self, state: State) -> dict[str, Any]:
        return {"host": machine(), "pid": os.getpid(), "here": self.here, "state": state.value}

    def _write(self, path: Path, state: State) -> None:
        with beside(path) as new:
            new.write_text(json.dumps(self._mine(state)), encoding="utf-8")
            os.replace(new, path)

    def _now(self) -> float:
        """The file system's idea of the time."""
        self._clock.touch()
        return self._clock.stat().st_mtime

    def _renew_until_end(self) -> None:
        while not self._end.wait(self.stale / RENEWALS):
            self.renew()

    def renew(self) -> None:
        """Renew what is held; a cell that somebody else has taken over is dropped, and told to ``lost``."""
        for key, path in list(self.held.items()):
            number = int(path.name.split(".")[-2])
            try:
                taken = self._path(key, number + 1).exists()
                if not taken:
                    os.utime(path)
            except OSError:  # a file server that is away for a moment; the next renewal may reach it
                continue
            if taken:
                self.held.pop(key, None)
                try:
                    self.lost(key)
                except Exception:  # the others are renewed whatever becomes of this one
                    traceback.print_exc()
