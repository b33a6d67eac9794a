"""Cells as jobs of Slurm, through submitit (`pip install -e '.[slurm]'` in a checkout): one job array, each cell a job of its own.

The coordinator waits where it was started. It renews one file beside the runs, which every job looks at: when the file has gone (Ctrl-C)
or is no longer renewed (the coordinator has died), jobs checkpoint and end, before their cells' claims can be taken over.
A job that Slurm preempts, or whose time is up, is queued again and goes on from the cell's last checkpoint; so does one that died.
"""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError, first_line, kind_and_line, unknown
from zoo.sweeps.executor import ATTEMPTS
from zoo.sweeps.leases import NOTES, STALE
from zoo.sweeps.worker import Outcome, Setup, Status, train

if TYPE_CHECKING:
    from zoo.runs.cell import Cell

AT_A_TIME = 256
"""Jobs of one array that run at a time, unless --jobs says so."""
LOOK = 10.0
"""Seconds between two questions to Slurm; whether results are there is looked at more often."""
LATE = 45.0
"""Seconds that a result may take to be seen here after its job has left the queue; then the job is taken to have died."""


@dataclass
class Alive:
    """Whether the coordinator is there and wants its jobs to go on, by its file; looked at every ``every`` seconds."""

    path: Path
    patience: float = STALE / 2
    every: float = 2.0
    looked: float = float("-inf")
    """When, by this machine's clock."""
    _gone: bool = False

    def gone(self) -> bool:
        """True once the coordinator has asked to stop, or has been silent for ``patience`` seconds of the file server's time."""
        if not self._gone and time.monotonic() - self.looked > self.every:
            self.looked = time.monotonic()
            clock = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}")
            with suppress(OSError):  # a file server that is away for a moment; the next look may reach it
                try:
                    clock.touch()
                    self._gone = clock.stat().st_mtime - self.path.stat().st_mtime > self.patience
                except FileNotFoundError:
                    self._gone = True
                finally:
                    clock.unlink(missing_ok=True)
        return self._gone


@dataclass
class Job:
    """What a job does: train one cell."""

    cell: Cell
    folder: Path
    device: str
    setup: Setup
    alive: Alive

    def __call__(self) -> Outcome:
        if self.alive.gone():  # it stood in the queue for longer than its coordinator lived
            return Outcome(self.cell, self.folder, Status.INTERRUPTED)
        self.setup.apply()
        return train(self.cell, self.folder, self.device, self.alive.gone, tf32=self.setup.tf32)

    def checkpoint(self) -> Any:
        """Called by submitit when the job is about to be ended: the same again, which goes on from the cell's checkpoint."""
        from submitit.helpers import DelayedSubmission

        again = replace(self.alive, looked=float("-inf"))  # it may go on on another machine, whose clock is another
        return DelayedSubmission(replace(self, alive=again))


@dataclass
class Slurm:
    """Submits every cell that it is given, as one array; ``cluster`` is another of submitit's for tests ("local")."""

    device: str
    jobs: int | None
    setup: Setup
    out: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    cluster: str = "slurm"
    here = False

    def __post_init__(self) -> None:
        try:
            import submitit
        except ImportError as error:
            raise ZooError(
                "--on slurm needs submitit; install it in a checkout of the zoo with: pip install -e '.[slurm]'."
            ) from error
        if self.cluster == "slurm" and submitit.AutoExecutor.which() != "slurm":
            raise ZooError("There is no Slurm here (no srun command); --on local trains on this machine.")
        self.slots = self.jobs or AT_A_TIME
        known = submitit.AutoExecutor._valid_parameters()
        for name in self.parameters:
            if name not in known and not name.startswith("slurm_"):
                raise unknown("parameter of a job", name, known)
        self._running: dict[str, Any] = {}
        self._missing: dict[str, float] = {}
        self._deaths, self._dropped = Counter[str](), set[str]()
        self._stopping = threading.Event()
        self._file = self.out.absolute() / NOTES / f"{uuid.uuid4().hex}.alive"

    def open(self) -> None:
        import submitit

        asked = {k: int(v) if v.isdecimal() else v for k, v in self.parameters.items()}
        try:
            self._queue = submitit.AutoExecutor(folder=self._file.with_name("jobs"), cluster=self.cluster)
            self._queue.update_parameters(name="zoo", slurm_array_parallelism=self.slots, **asked)
        except (AssertionError, NameError, TypeError, ValueError) as error:
            raise ZooError(f"--job cannot be used: {first_line(error)}") from error

    @property
    def place(self) -> str:
        return f"Slurm (at most {self.slots} at a time)"

    def stop(self) -> None:
        self._stopping.set()
        self._file.unlink(missing_ok=True)

    def drop(self, key: str) -> None:
        self._dropped.add(key)
        if (job := self._running.get(key)) is not None:  # it may end at this moment, in the other thread
            job.cancel(check=False)

    def close(self) -> None:
        self.stop()
        for job in self._running.values():
            job.cancel(check=False)

    def map(self, cells: Iterable[Cell], folder_of: Callable[[Cell], Path]) -> Iterator[Outcome]:
        taken = {cell.key: (cell, folder_of(cell).absolute()) for cell in cells}
        if not taken or self._stopping.is_set():
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.touch()
        threading.Thread(target=self._renew, daemon=True).start()
        jobs = {key: Job(*each, self.device, self.setup, Alive(self._file)) for key, each in taken.items()}
        self._running = self._submitted(jobs)
        asked = time.monotonic()
        while self._running:
            for key in [key for key, job in self._running.items() if job.paths.result_pickle.exists()]:
                yield self._ended(jobs[key], self._running.pop(key))
            if time.monotonic() - asked > LOOK:
                yield from self._look(jobs)
                asked = time.monotonic()
            time.sleep(0.5)

    def _submitted(self, jobs: Mapping[str, Job]) -> dict[str, Any]:
        """Submit the jobs as one array. ``ZooError`` where Slurm refuses them."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            with self._queue.batch():
                submitted = {key: self._queue.submit(job) for key, job in jobs.items()}
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            last = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise ZooError(f"Slurm refuses the jobs: {last}") from error
        return submitted

    def _ended(self, job: Job, submitted: Any) -> Outcome:
        error = submitted.exception()
        if error is None:
            found: Outcome = submitted.result()
            return found
        return Outcome(job.cell, job.folder, Status.FAILED, error=kind_and_line(error))

    def _look(self, jobs: Mapping[str, Job]) -> Iterator[Outcome]:
        """Ask Slurm which jobs are there. When stopping, end those that wait; submit those again that have gone without a result."""
        states = self._states()
        if states is None:
            return
        for key, submitted in list(self._running.items()):
            state, cell, folder = states.get(submitted.job_id), jobs[key].cell, jobs[key].folder
            if state == "PENDING" and self._stopping.is_set():
                submitted.cancel(check=False)
                del self._running[key]
                yield Outcome(cell, folder, Status.INTERRUPTED)
            elif state is not None:
                self._missing.pop(key, None)
            elif time.monotonic() - self._missing.setdefault(key, time.monotonic()) >= LATE:
                del self._running[key], self._missing[key]
                self._deaths[key] += 1
                if key in self._dropped or self._stopping.is_set():
                    yield Outcome(cell, folder, Status.LOST if key in self._dropped else Status.INTERRUPTED)
                elif self._deaths[key] < ATTEMPTS:
                    try:
                        self._running |= self._submitted({key: jobs[key]})
                    except ZooError as error:
                        yield Outcome(cell, folder, Status.FAILED, error=str(error))
                else:
                    told = f"Its job ended without a result, {ATTEMPTS} times; {submitted.paths.stderr} may say why."
                    yield Outcome(cell, folder, Status.FAILED, error=told)

    def _states(self) -> dict[str, str] | None:
        """The states of the jobs that have not ended, by their numbers; None when Slurm does not answer."""
        if self.cluster != "slurm":
            return {job.job_id: job.state for job in self._running.values() if not job.done()}
        command = ["squeue", "--me", "--noheader", "--array", "--format=%i %T"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return dict(line.split() for line in answer.stdout.splitlines()) if answer.returncode == 0 else None

    def _renew(self) -> None:
        while not self._stopping.wait(STALE / 8):
            try:
                self._file.touch(exist_ok=True)
            except OSError:  # a file server that is away for a moment
                continue
            if self._stopping.is_set():  # it was touched after it had been taken away
                self._file.unlink(missing_ok=True)
