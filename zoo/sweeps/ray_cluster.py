"""Cells as tasks of a Ray cluster (`pip install -e '.[ray]'` in a checkout), whose nodes need not be alike nor share a folder.

Ray places the tasks, notices dead processes and nodes, and begins their cells again (``ATTEMPTS`` times in all) where there is room.
When the coordinator dies, Ray ends its tasks.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError, first_line, kind_and_line
from zoo.sweeps.errand import Errand, read_files, write_files
from zoo.sweeps.executor import ATTEMPTS, PATIENCE, cores
from zoo.sweeps.leases import NOTES
from zoo.sweeps.worker import Outcome, Setup, Status

if TYPE_CHECKING:
    from zoo.runs.cell import Cell

LOOK = 2.0
"""Seconds between two questions of a worker whether to stop."""


class Bell:
    """An actor beside the coordinator, which workers ask whether to stop."""

    def __init__(self) -> None:
        self.rung = False

    def ring(self) -> None:
        self.rung = True

    def rings(self) -> bool:
        return self.rung


def listening(bell: Any) -> Callable[[], bool]:
    """Whether ``bell`` rings, asked every ``LOOK`` seconds."""
    import ray

    asked, rung = float("-inf"), False

    def stop() -> bool:
        nonlocal asked, rung
        if not rung and time.monotonic() - asked > LOOK:
            try:
                rung = ray.get(bell.rings.remote(), timeout=LOOK)
            except ray.exceptions.RayError:  # its node has died, and it is being started on another
                rung = False
            asked = time.monotonic()
        return rung

    return stop


def work(errand: Errand, bell: Any) -> tuple[Outcome, dict[str, bytes]]:
    """The task: what Ray runs on a node."""
    return errand.run(listening(bell))


class Ray:
    """Tasks on the cluster at ``address``, or on one started here; a cell takes a share of a GPU, or a core."""

    def __init__(
        self, device: str, jobs: int | None, setup: Setup, out: Path, address: str | None, gpus: float | None
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ZooError("--on ray needs Ray; install it in a checkout of the zoo with: pip install -e '.[ray]'.")
        if device not in ("auto", "cpu", "cuda"):
            raise ZooError(f"--device is auto, cpu or cuda with --on ray, which chooses a node's, not '{device}'.")
        if gpus is not None and not 0 < gpus <= 1:
            raise ZooError(f"--gpus-per-cell is a share of one GPU, such as 0.25, not {gpus:g}.")
        self.device, self.jobs, self.setup, self.address = device, jobs, setup, address
        self.share = gpus or 1.0
        self.here, self.slots = address is None, jobs or cores()
        self._mark = out.absolute() / NOTES / f"{uuid.uuid4().hex}.mark"
        self._running: dict[Any, tuple[Cell, Path, str]] = {}
        self._dropped: set[str] = set()
        self._stopping = threading.Event()

    @property
    def place(self) -> str:
        return f"the Ray cluster at {self.address}" if self.address else "a Ray cluster on this machine"

    def open(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self.address is None:  # nobody else is to join what is started for this sweep alone
            os.environ["RAY_AUTH_MODE"] = "token"
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray remembers a process's first one
        elif os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        own = {"num_cpus": self.slots, "include_dashboard": False} if self.address is None else {}
        before = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(self.address or "local", log_to_driver=False, logging_level="ERROR", **own)
        except Exception as error:  # of many kinds: of the connection, of the token, of versions that differ
            raise ZooError(f"{self.place} cannot be used: {first_line(error)}") from error
        finally:
            signal.signal(signal.SIGTERM, before)
        if not any(self._places().values()):
            self.close()
            raise ZooError(f"{self.place} has no node for --device {self.device}.")
        near = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self._bell = ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=near)(Bell).remote()
        self._plugins = {f"{i}/{Path(f).name}": Path(f).read_bytes() for i, f in enumerate(self.setup.plugins)}

    def stop(self) -> None:
        self._stopping.set()

    def drop(self, key: str) -> None:
        self._dropped.add(key)

    def close(self) -> None:
        import ray

        for task in self._running:
            ray.cancel(task, force=True)
        with suppress(FileNotFoundError, NotADirectoryError):  # --out may be a file
            self._mark.unlink()
        ray.shutdown()

    def map(self, cells: Iterable[Cell], folder_of: Callable[[Cell], Path]) -> Iterator[Outcome]:
        import ray

        waiting = iter(cells)
        self._mark.touch()
        while True:
            while not self._stopping.is_set() and (device := self._free()):
                cell = next(waiting, None)
                if cell is None:
                    break
                self._give(cell, folder_of(cell).absolute(), device)
            if not self._running:
                return
            if self._stopping.is_set():  # again and again, since a bell that is started again does not remember
                self._bell.ring.remote()
            for task, (cell, _, _) in self._running.items():
                if cell.key in self._dropped:
                    ray.cancel(task, force=True)
            for task in ray.wait(list(self._running), timeout=PATIENCE)[0]:
                yield self._ended(task)

    def _places(self) -> dict[str, int]:
        """How many cells the nodes that are alive now can train at a time, by kind of device: a node's GPUs where it has some."""
        import ray

        places = Counter[str]()
        for node in (node["Resources"] for node in ray.nodes() if node["Alive"]):
            cores, gpus = int(node.get("CPU", 0)), node.get("GPU", 0.0)
            kind = self.device if self.device != "auto" else "cuda" if gpus else "cpu"
            places[kind] += min(cores, int(gpus / self.share)) if kind == "cuda" else cores
        return dict(places)

    def _free(self) -> str | None:
        """The kind of device that has a free place."""
        busy = Counter(device for _, _, device in self._running.values())
        if self.jobs and busy.total() >= self.jobs:
            return None
        return next((device for device, n in self._places().items() if busy[device] < n), None)

    def _give(self, cell: Cell, folder: Path, device: str) -> None:
        import ray

        errand = Errand(cell, folder, device, self.setup, self._mark, self._plugins, read_files(folder))
        share = self.share if device == "cuda" else 0
        task = ray.remote(max_retries=ATTEMPTS - 1, num_cpus=1, num_gpus=share)(work).remote(errand, self._bell)
        self._running[task] = (cell, folder, device)

    def _ended(self, task: Any) -> Outcome:
        import ray

        cell, folder, _ = self._running.pop(task)
        lost = Outcome(cell, folder, Status.LOST)
        try:
            outcome, files = ray.get(task)
            if cell.key in self._dropped:  # another coordinator's worker may write there by now
                return lost
            write_files(files, folder)
        except (ray.exceptions.RayError, OSError) as error:
            if cell.key in self._dropped:
                return lost
            if self._stopping.is_set():
                return Outcome(cell, folder, Status.INTERRUPTED)
            return Outcome(cell, folder, Status.FAILED, error=kind_and_line(error), details=str(error))
        return replace(outcome, folder=folder)
