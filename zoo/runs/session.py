"""One run, from names to files: plan what to train, train it, leave everything that a reader needs in one folder.

Used by the command line and by ``zoo.run`` in Python alike; here the harness, the data and the metrics meet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import toy_data
from zoo import checkpoint, heap
from zoo.ambient import multiplying
from zoo.engines import memory
from zoo.engines.choice import choose, workers
from zoo.errors import ZooError
from zoo.evaluation import scoring
from zoo.evaluation.judge import Progress
from zoo.extending import blame, plugins
from zoo.files import alone, tidy, write_json
from zoo.harness import Game
from zoo.recipe import revise
from zoo.runs import landscape
from zoo.runs.cell import Cell, Start, read_cell, read_start
from zoo.runs.command import command
from zoo.runs.environment import arithmetic, device_name, git_commit, resolve_device, versions
from zoo.runs.film import POINTS, filmed
from zoo.runs.finishing import finish
from zoo.runs.folders import claimed, new_folder
from zoo.runs.kits import kit_for
from zoo.runs.rundir import CONFIG, DONE, INTERRUPTED, read_json
from zoo.training import CtrlC, Record, Training


@dataclass
class Listener:
    """What wants to hear of a run while it goes on; the base hears nothing."""

    judging: Progress = field(default=lambda share: None, kw_only=True)
    """Hears how far the judge's training is, where images want one that is not there yet."""

    def said(self, line: str) -> None: ...

    def started(self, run: Session) -> None: ...

    def played(self, rounds: int) -> None: ...

    def evaluated(self, record: Record) -> None: ...

    def close(self) -> None:
        """The run has ended, in whatever way."""


class Interrupted(Exception):
    """The run was asked to stop; its checkpoint is in ``folder``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.folder = folder


@dataclass
class Session:
    """A cell being trained into a folder (read back it is a ``rundir.Run``)."""

    cell: Cell
    folder: Path
    device: torch.device
    groups: int | None = None
    compile: bool | None = None
    """Whether a round is compiled; ``None`` where that is repaid (``engines.choice``)."""
    tf32: bool = False
    """Whether a GPU multiplies float32 with a mantissa of 10 bits (``ambient.multiplying``)."""
    listener: Listener = field(default_factory=Listener)
    rows: list[dict[str, Any]] = field(default_factory=list)
    film: list[Tensor] = field(default_factory=list)
    landscape: list[Tensor] = field(default_factory=list)
    """What D said over ``plane``, by evaluation ``[seeds, side, side]``."""

    def __post_init__(self) -> None:
        self.data = toy_data.load(self.cell.source, self.cell.data_root, self.cell.fingerprint).to(self.device)
        variant, recipe = self.cell.build(), self.cell.recipe
        kit = kit_for(self.data, recipe)
        with blame.in_words(type(variant)):
            memory.refuse(variant, kit, recipe, len(self.cell.seeds), self.device)
            game, self.compiled, groups, self.tf32 = choose(
                lambda engine: Game(variant, kit, self.data, recipe, device=self.device, engine=engine),
                self.cell.seeds,
                self.compile,
                self.listener.said,
                tf32=self.tf32,
            )
        self.filmed = filmed(recipe.evaluations())
        self.asked_to_stop = threading.Event()
        self.plane = landscape.extent(self.data.to("cpu"))
        self.critic = None if self.plane is None else landscape.critic(game, self.plane)
        self.scoring = scoring.of(self.data, self.cell.protocol, self.listener.judging)
        self.training = Training(
            game,
            self.cell.seeds,
            self.scoring.evaluate,
            n_samples=self.cell.protocol.samples,
            groups=self.groups or groups,
            workers=workers(self.device),
            stop=self.asked_to_stop.is_set,
            progress=self.listener.played,
        )
        with blame.in_words(type(variant)):  # a round is traced by now, so that nothing is written where it cannot be
            self.flops = self.training.flops

    @property
    def checkpointed(self) -> bool:
        return any((self.folder / name).exists() for name in (checkpoint.NAME, checkpoint.PREVIOUS))

    def resume(self, folder: Path | None = None, name: str | None = None) -> None:
        """Go on from the newest checkpoint; or from one in the folder of a shorter run, without what this one would not have kept of it."""
        folder = folder or self.folder
        lanes, notes, extra = checkpoint.load(folder, self.training.lanes(), name)
        self.training.restore(lanes)
        self.training.seconds, self.training.cpu_seconds = notes["seconds"], notes["cpu_seconds"]
        evaluated, frames = {*self.cell.recipe.evaluations()}, filmed(read_cell(folder).recipe.evaluations())
        self.rows = [row for row in notes["rows"] if row["round"] in evaluated]
        self.film, self.landscape = (
            [extra[f"{k}/{i}"] for i, at in enumerate(frames) if f"{k}/{i}" in extra and at in self.filmed]
            for k in ("film", "landscape")
        )

    def save(self) -> None:
        """Write the checkpoint from which ``resume`` goes on."""
        notes = {"seconds": self.training.seconds, "cpu_seconds": self.training.cpu_seconds, "rows": self.rows}
        kept = {f"{k}/{i}": f for k in ("film", "landscape") for i, f in enumerate(getattr(self, k))}
        checkpoint.save(self.folder, self.training.lanes(), notes, kept)

    def train(self, draw: Callable[[Session], None] = lambda run: None) -> dict[str, Any]:
        """Train to the end, checkpointing at every evaluation; returns the summary. ``Interrupted`` when asked to stop.

        ``draw`` makes what else belongs to a finished run (``zoo.runs.pictures``), before the run is said to be done.
        """
        threads = torch.get_num_threads()
        heap.keep_freed()
        heap.collect_as_usual()
        self.listener.started(self)
        try:
            with alone(self.folder), multiplying(tf32=False):  # but where a round is recorded that is to
                tidy(self.folder)
                if self.checkpointed and checkpoint.played(self.folder) != self.training.played:
                    self.resume()  # whoever had the folder until now has played on
                (self.folder / INTERRUPTED).unlink(missing_ok=True)
                ended: BaseException = Interrupted(self.folder)
                try:
                    for record in self.training:
                        self.keep(record)
                        self.save()
                        if self.cell.recipe.decay and self.cell.recipe.level(record.round):
                            checkpoint.keep_level(self.folder)
                        self.listener.evaluated(record)
                        del record  # the next evaluation's samples need its memory
                except CtrlC:
                    ended = KeyboardInterrupt()
                if self.training.played == self.cell.recipe.rounds:
                    summary = finish(self)
                    draw(self)
                    (self.folder / DONE).touch()
                    return summary
                self.save()
                (self.folder / INTERRUPTED).touch()
        finally:
            torch.set_num_threads(threads)
            heap.give_back()
        raise ended

    def keep(self, record: Record) -> None:
        """Add a record to the history."""
        for i, seed in enumerate(self.cell.seeds):
            row: dict[str, Any] = {"seed": seed, "round": record.round}
            row |= {name: float(values[i]) for name, values in record.metrics.items()}
            row |= {f"loss/{name}": float(values[i]) for name, values in record.losses.items()}
            row |= {f"diagnostic/{name}": float(values[i]) for name, values in record.diagnostics.items()}
            self.rows.append(row)
        if record.round not in self.filmed:
            return
        frames = torch.from_numpy(record.samples[:, : 25 if len(self.data.shape) == 3 else POINTS])
        self.film.append(frames.contiguous())
        if self.plane is not None:
            self.landscape.append(landscape.look(self.training.game, self.training.lanes(), self.plane, self.critic))


def start(
    cell: Cell,
    *,
    out: Path | None = None,
    device: str | torch.device = "auto",
    compile: bool | None = None,
    tf32: bool = False,
    listener: Listener | None = None,
) -> Session:
    """A new run of ``cell`` in ``out``, else in a folder of its own in runs/: made, with the configuration written into it."""
    folder = new_folder(cell, out)
    run = Session(cell, folder, resolve_device(device), compile=compile, tf32=tf32, listener=listener or Listener())
    return _begun(run, out, {})


def _begun(run: Session, out: Path | None, more: dict[str, Any]) -> Session:
    """A run that was built, in a folder of its own with its configuration."""
    cell = run.cell
    run.folder = folder = claimed(run.folder) if out is None else new_folder(cell, out)  # building it took seconds
    folder.mkdir(parents=True, exist_ok=True)
    config = cell.as_dict() | plugins.origin(cell.variant, cell.data)
    config |= {
        "device": device_name(run.device),
        "kind": run.device.type,
        "arithmetic": arithmetic(run.device, compiled=run.compiled),
        "compiled": run.compiled,
        "tf32": run.tf32,
        "groups": run.training.groups,
        "versions": versions(),
        "git": git_commit(),
        "command": command(cell, run.data, compiled=run.compiled, tf32=run.tf32),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(folder / CONFIG, config | more)
    return run


def _rebuilt(
    cell: Cell, folder: Path, begun: Start, device: str | torch.device, compile: bool | None, listener: Listener | None
) -> Session:
    """A run as it was begun: on the same kind of device unless another is named, since another draws other numbers; there it is compiled if it
    was, unless ``compile`` says, in TF32 if it was, and in as many groups: a seed alone rounds otherwise than one among others."""
    where = resolve_device(begun.kind if device == "auto" else device)
    alike = begun.kind == where.type
    compile = begun.compiled if alike and compile is None else compile
    groups = begun.groups if alike and compile == begun.compiled else None
    return Session(cell, folder, where, groups, compile, begun.tf32 and where.type == "cuda", listener or Listener())


def resume(
    folder: Path, *, device: str | torch.device = "auto", compile: bool | None = None, listener: Listener | None = None
) -> Session:
    """The run in ``folder``, ready to go on (``_rebuilt``); its result is the same as if it had never stopped."""
    run = _rebuilt(read_cell(folder), folder, read_start(folder), device, compile, listener)
    if run.checkpointed:
        run.resume()
    return run


def again(
    folder: Path, *, out: Path | None = None, device: str | torch.device = "auto", listener: Listener | None = None
) -> Session:
    """The run in ``folder`` begun anew as it was begun (``_rebuilt``), in a folder of its own."""
    cell = read_cell(folder)
    run = _rebuilt(cell, new_folder(cell, out), read_start(folder), device, None, listener)
    return _begun(run, out, {})


def lengthen(
    folder: Path,
    rounds: int,
    *,
    out: Path | None = None,
    device: str | torch.device = "auto",
    compile: bool | None = None,
    listener: Listener | None = None,
) -> Session:
    """A run of more ``rounds`` in a folder of its own, that begins with what it has in common with the one in ``folder``: all of it, or, where
    rates fell, what came before. It has the bits of one that was begun anew with as many evaluations (but for its first losses, where the
    shorter one ended between two of these). ``ZooError`` where there is nothing in common.
    """
    cell, begun = read_cell(folder), read_start(folder)
    recipe = cell.recipe
    if rounds <= recipe.rounds:
        raise ZooError(f"The run in {folder} has {recipe.rounds:,} rounds; to lengthen it give more, not {rounds:,}.")
    there = {name: checkpoint.played(folder, name) for name in (checkpoint.NAME, checkpoint.LEVEL)}
    name = next((name for name, played in there.items() if played and recipe.level(played)), None)
    if name is None:
        told = f"The run in {folder} has no checkpoint from before its rates fell (decay {recipe.decay:g})"
        raise ZooError(f"{told}, from which a longer one could begin: begin it anew, with --rounds {rounds}.")
    longer = replace(cell, recipe=revise(recipe, {"rounds": rounds, "every": recipe.interval}))
    run = _rebuilt(longer, new_folder(longer, out), begun, device, compile, listener)
    run.resume(folder, name)
    came = {"folder": str(folder), "round": run.training.played, "git": read_json(folder / CONFIG).get("git")}
    _begun(run, out, {"lengthened": came})
    run.save()
    return run
