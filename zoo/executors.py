"""Where the cells of a sweep are trained. Cells go in, run directories come out; workers write files and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo.errors import ZooError, unknown
from zoo.worker import Outcome, Setup, Status, Task, serve

if TYPE_CHECKING:
    from zoo.cell import Cell

ATTEMPTS = 3
"""How often a cell is begun when the process that trains it dies (of memory, of a kill) before it is given up."""
PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""


class Executor(Protocol):
    """Trains cells, some at a time."""

    @property
    def place(self) -> str:
        """Where, in a few words."""

    @property
    def slots(self) -> int:
        """How many cells at a time."""

    @property
    def here(self) -> bool:
        """Whether cells are trained on this machine."""

    def open(self) -> None:
        """Get hold of what trains the cells. ``ZooError`` when that cannot be had; nothing has been written until then."""

    def map(self, cells: Iterable[Cell], folder_of: Callable[[Cell], Path]) -> Iterator[Outcome]:
        """Outcomes in the order in which cells end. ``cells`` is advanced only when there is a place for the next one."""

    def stop(self) -> None:
        """From any thread: begin no further cell, let those that run checkpoint and end."""

    def drop(self, key: str) -> None:
        """From any thread: end this cell at once; it belongs to another coordinator now."""

    def close(self) -> None:
        """End everything that still runs, at once."""


def devices(name: str) -> list[str]:
    """auto, cpu, cuda or cuda:1 to the devices that a sweep uses: every GPU, or the CPU. ``ZooError`` when there is none such."""
    import torch

    from zoo.environment import resolve_device

    found = resolve_device(name)
    if found.type == "cuda" and found.index is None:
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [str(found)]


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Worker:
    """A process of the local executor, and what it is doing."""

    process: BaseProcess
    pipe: connection.Connection
    device: str
    task: Task | None = None


class Local:
    """Processes on this machine, one per core or GPU, each with one thread; they stay warm from cell to cell."""

    here = True

    def __init__(self, device: str = "auto", jobs: int | None = None, setup: Setup | None = None) -> None:
        self.devices, self.setup = devices(device), setup or Setup()
        self.slots = jobs or (cores() if self.devices == ["cpu"] else len(self.devices))
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
        with _no_interrupt():
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
def _no_interrupt() -> Iterator[None]:
    """Processes started in here never see Ctrl-C, not even while they import; this one sees it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would unblock the signal if it were started in between
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True)
class Wanted:
    """What was said about where cells are trained."""

    device: str = "auto"
    jobs: int | None = None
    setup: Setup = field(default_factory=Setup)
    out: Path = Path("runs")
    job: Mapping[str, str] = field(default_factory=dict)
    """Of Slurm: what a job gets."""
    address: str | None = None
    """Of a Ray cluster."""
    gpus_per_cell: float | None = None


def choose(on: str, wanted: Wanted) -> Executor:
    """The executor of this name. ``ZooError`` where there is none such, or where what it needs is not there. Writes nothing."""
    from zoo.ray_cluster import Ray
    from zoo.slurm import Slurm

    w = wanted
    made: dict[str, Callable[[], Executor]] = {
        "local": lambda: Local(w.device, w.jobs, w.setup),
        "slurm": lambda: Slurm(w.device, w.jobs, w.setup, w.out, w.job),
        "ray": lambda: Ray(w.device, w.jobs, w.setup, w.out, w.address, w.gpus_per_cell),
    }
    if on not in made:
        raise unknown("executor", on, made)
    if w.job and on != "slurm":
        raise ZooError("--job says what a job of Slurm gets; it needs --on slurm.")
    if (w.address or w.gpus_per_cell) and on != "ray":
        raise ZooError("--address and --gpus-per-cell are of Ray; they need --on ray.")
    return made[on]()
