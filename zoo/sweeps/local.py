"""Cells in processes of this machine, one per core or GPU, which stay warm from cell to cell."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from zoo.errors import ZooError
from zoo.sweeps.executor import ATTEMPTS, PATIENCE, cores
from zoo.sweeps.worker import Outcome, Setup, Status, Task, serve

if TYPE_CHECKING:
    from zoo.runs.cell import Cell


def devices(name: str) -> list[str]:
    """auto, cpu, cuda or cuda:1 to the devices that a sweep uses: every GPU, or the CPU. ``ZooError`` when there is none such."""
    import torch

    from zoo.runs.environment import resolve_device

    found = resolve_device(name)
    if found.type == "cuda" and found.index is None:
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [str(found)]


@dataclass
class Worker:
    """A process of the local executor, and what it is doing."""

    process: BaseProcess
    pipe: connection.Connection
    device: str
    task: Task | None = None


class Local:
    """Processes on this machine, one per core or GPU, which stay warm from cell to cell; of few ``cells``, or ``jobs``, each has several threads."""

    here = True

    def __init__(
        self, device: str = "auto", jobs: int | None = None, setup: Setup | None = None, cells: int | None = None
    ) -> None:
        self.devices, self.setup = devices(device), setup or Setup()
        if self.setup.tf32 and self.devices == ["cpu"]:
            raise ZooError(
                "TF32 is a GPU's arithmetic, and these cells train on a CPU: leave --tf32 out, or say --device cuda."
            )
        self.slots = jobs or (cores() if self.devices == ["cpu"] else len(self.devices))
        if cells:  # finished ones too: a sweep that goes on has as many threads as it began with
            self.setup = replace(self.setup, threads=max(1, cores() // min(cells, self.slots)))
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[Worker] = []
        self._stopping = threading.Event()
        self._dropped: set[str] = set()

    @property
    def place(self) -> str:
        kind = "CPU" if self.devices == ["cpu"] else ", ".join(self.devices)
        return f"{self.slots} process{'es' * (self.slots > 1)} on {kind}"

    def open(self) -> None: ...

    def stop(self) -> None:
        self._stopping.set()

    def drop(self, key: str) -> None:
        self._dropped.add(key)

    def map(self, cells: Iterable[Cell], folder_of: Callable[[Cell], Path]) -> Iterator[Outcome]:
        waiting, deaths, told = iter(cells), Counter[str](), False
        while True:
            while not self._stopping.is_set() and len(self._busy()) < self.slots:
                cell = next(waiting, None)
                if cell is None:
                    break
                self._give(cell, folder_of(cell))
            busy = self._busy()
            if not busy:
                return
            if self._stopping.is_set() and not told:
                told = True
                for worker in busy:
                    _send(worker, True)
            for worker in busy:
                if worker.task and worker.task[0].key in self._dropped:
                    worker.process.kill()
            ready = connection.wait([worker.pipe for worker in busy], PATIENCE)
            for worker in [worker for worker in busy if worker.pipe in ready]:
                outcome = self._hear(worker, deaths)
                if outcome is not None:
                    yield outcome

    def close(self) -> None:
        for worker in self._workers:
            if worker.task:
                worker.process.kill()
            else:
                _send(worker, None)
        for worker in self._workers:
            worker.process.join(10)
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self._workers = []

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.task]

    def _give(self, cell: Cell, folder: Path) -> None:
        """Hand a cell to an idle worker, or to a new one."""
        worker = next((w for w in self._workers if not w.task), None) or self._start()
        worker.task = (cell, folder, worker.device)
        _send(worker, worker.task)

    def _start(self) -> Worker:
        in_use = Counter(w.device for w in self._workers)
        device = min(self.devices, key=lambda d: in_use[d])
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, self.setup), daemon=True)
        with _not_told_to_end(), _script_left_out():
            process.start()
        theirs.close()
        worker = Worker(process, ours, device)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: Worker, deaths: Counter[str]) -> Outcome | None:
        """What a worker has to say; None when it died and its cell has been given to another."""
        assert worker.task is not None
        cell, folder, _ = worker.task
        try:
            outcome: Outcome | None = worker.pipe.recv()
        except (EOFError, OSError):
            outcome = None
        worker.task = None
        if outcome is not None and outcome.status is not Status.FAILED:
            return outcome
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        if outcome is not None:
            return outcome
        if cell.key in self._dropped:
            return Outcome(cell, folder, Status.LOST)
        if self._stopping.is_set():
            return Outcome(cell, folder, Status.INTERRUPTED)
        deaths[cell.key] += 1
        if deaths[cell.key] < ATTEMPTS:
            self._give(cell, folder)
            return None
        code = worker.process.exitcode or 0
        how = f"was killed by signal {-code} (out of memory?)" if code < 0 else f"ended with code {code}"
        return Outcome(cell, folder, Status.FAILED, error=f"Its process {how}, {ATTEMPTS} times.")


def _send(worker: Worker, message: object) -> None:
    """Tell a worker; one that has just died is noticed when it is listened to."""
    try:
        worker.pipe.send(message)
    except OSError:
        return


@contextmanager
def _not_told_to_end() -> Iterator[None]:
    """Processes started in here never see Ctrl-C or SIGTERM, not even while they import; this one sees them afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would unblock the signals if it were started in between
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _script_left_out() -> Iterator[None]:
    """Processes started in here do not import the script that starts them: they need nothing of it, and unguarded it would begin its sweep again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
