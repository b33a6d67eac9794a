"""One cell of a sweep, trained into its folder; and the process that does it for one cell after another, staying warm.

Nothing slow is imported before a worker has said how many threads its libraries may take.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooError
from zoo.files import tidy

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from zoo.runs.cell import Cell

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Status(StrEnum):
    """How a cell ended in this sweep."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "taken over by another"


@dataclass(frozen=True)
class Outcome:
    """What became of a cell."""

    cell: Cell
    folder: Path
    status: Status
    seconds: float = 0.0
    error: str = ""
    """One sentence, for the table of failures."""
    details: str = ""
    """The traceback."""


@dataclass(frozen=True)
class Setup:
    """What a process needs before its first cell."""

    threads: int = 1
    plugins: tuple[str, ...] = ()
    """Files with variants, data sets or metrics of the user's own."""
    tf32: bool = False
    """Whether GPUs multiply in TF32, in cells that begin here; one that goes on keeps to what it began with."""

    def apply(self) -> None:
        """Limit threads, then load the plugins."""
        os.environ.update({name: str(self.threads) for name in THREADS})
        import torch

        torch.set_num_threads(self.threads)
        from zoo.extending import plugins

        for file in self.plugins:
            plugins.load_file(file)


def train(cell: Cell, folder: Path, device: str, stop: Callable[[], bool], *, tf32: bool = False) -> Outcome:
    """Train a cell into ``folder``, going on from its checkpoint where there is one. Never raises: what went wrong is in the outcome.

    ``stop()`` is asked between rounds; when it says yes the run is checkpointed and the outcome is INTERRUPTED.
    """
    from zoo.errors import kind_and_line
    from zoo.runs import pictures, session
    from zoo.runs.cell import read_cell
    from zoo.runs.rundir import CONFIG

    @dataclass
    class Obedient(session.Listener):
        """Passes the wish to stop on to the run."""

        run: session.Session | None = None

        def started(self, run: session.Session) -> None:
            self.run = run

        def played(self, rounds: int) -> None:
            if self.run is not None and stop():
                self.run.asked_to_stop.set()

    started = time.perf_counter()

    def outcome(status: Status, error: str = "", details: str = "") -> Outcome:
        return Outcome(cell, folder, status, time.perf_counter() - started, error, details)

    try:
        if (folder / CONFIG).exists():
            if read_cell(folder).key != cell.key:
                raise ZooError(f"{folder} holds another run than this sweep's; choose another --out.")
            run = session.resume(folder, device=device, listener=Obedient())
        else:
            tidy(folder)  # after a process that died at its very start
            run = session.start(cell, out=folder, device=device, tf32=tf32, listener=Obedient())
        run.train(pictures.draw)
    except session.Interrupted:
        return outcome(Status.INTERRUPTED)
    except ZooError as error:
        return outcome(Status.FAILED, str(error), traceback.format_exc())
    except Exception as error:
        return outcome(Status.FAILED, kind_and_line(error), traceback.format_exc())
    return outcome(Status.DONE)


Task = tuple["Cell", Path, str]
"""A cell, its folder, its device."""


def serve(pipe: Connection, setup: Setup) -> None:
    """A worker process: tasks come in through ``pipe``, outcomes go back; None ends it, and so does the coordinator's death.

    True in the pipe asks it to checkpoint and stop. After a failure it ends, since what failed may have left the process unwell
    (a CUDA error does); the coordinator starts a fresh one.
    """
    for told in (signal.SIGINT, signal.SIGTERM):  # they may reach every process of a group; the coordinator decides
        signal.signal(told, signal.SIG_IGN)
    tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    stopping = threading.Event()

    def listen() -> None:
        while True:
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                os._exit(1)  # nobody is there to hand the result to, and the claim on the cell has ended
            if message is True:
                stopping.set()
            else:
                tasks.put(message)

    try:
        setup.apply()
    except ZooError as error:  # a plugin that only the coordinator's process could load
        cell, folder, _ = pipe.recv()
        pipe.send(Outcome(cell, folder, Status.FAILED, error=str(error)))
        return
    threading.Thread(target=listen, daemon=True).start()
    while (task := tasks.get()) is not None:
        outcome = train(*task, stopping.is_set, tf32=setup.tf32)
        pipe.send(outcome)
        if outcome.status is Status.FAILED:
            break
