"""One run, from names to files: plan what to train, train it, leave everything that a reader needs in one folder.

Used by the command line and by ``zoo.run`` in Python alike; here the harness, the data and the metrics meet.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import toy_data
from zoo import checkpoint, heap
from zoo.engines import memory
from zoo.engines.choice import choose, workers
from zoo.engines.graphs import multiplying
from zoo.evaluation import scoring
from zoo.extending import blame, plugins
from zoo.files import alone, write_csv, write_json, write_npz
from zoo.harness import Game
from zoo.runs import landscape
from zoo.runs.cell import Cell, kit_for, read_cell, read_start
from zoo.runs.command import command
from zoo.runs.environment import device_name, git_commit, resolve_device, versions
from zoo.runs.film import POINTS, filmed
from zoo.runs.folders import claimed, new_folder
from zoo.statistics import summarise
from zoo.training import CtrlC, Record, Training


@dataclass
class Listener:
    """What wants to hear of a run while it goes on; the base hears nothing."""

    def said(self, line: str) -> None: ...

    def started(self, run: Session) -> None: ...

    def played(self, rounds: int) -> None: ...

    def evaluated(self, record: Record) -> None: ...


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
    """Whether a GPU multiplies float32 with a mantissa of 10 bits (``graphs.multiplying``)."""
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
        self.scoring = scoring.of(self.data, self.cell.protocol)
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

    def resume(self) -> None:
        """Go on from the folder's checkpoint."""
        lanes, notes, extra = checkpoint.load(self.folder, self.training.lanes())
        self.training.restore(lanes)
        self.training.seconds, self.training.cpu_seconds, self.rows = (
            notes["seconds"],
            notes["cpu_seconds"],
            notes["rows"],
        )
        self.film, self.landscape = (
            [extra[f"{k}/{i}"] for i in range(sum(key.startswith(k) for key in extra))] for k in ("film", "landscape")
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
                if self.checkpointed and checkpoint.played(self.folder) != self.training.played:
                    self.resume()  # whoever had the folder until now has played on
                (self.folder / "INTERRUPTED").unlink(missing_ok=True)
                ended: BaseException = Interrupted(self.folder)
                try:
                    for record in self.training:
                        self.keep(record)
                        self.save()
                        self.listener.evaluated(record)
                        del record  # the next evaluation's samples need its memory
                except CtrlC:
                    ended = KeyboardInterrupt()
                if self.training.played == self.cell.recipe.rounds:
                    summary = self.finish()
                    draw(self)
                    (self.folder / "DONE").touch()
                    return summary
                self.save()
                (self.folder / "INTERRUPTED").touch()
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

    def finish(self) -> dict[str, Any]:
        """Write what a finished run leaves."""
        last = [row for row in self.rows if row["round"] == self.cell.recipe.rounds]
        metrics = {}
        for name in [k for k in last[0] if k not in ("seed", "round") and "/" not in k]:
            values = [row[name] for row in last]
            told = summarise(values)
            over = {"missing": told.missing, "mean": told.mean, "median": told.median, "ci95": list(told.ci95)}
            metrics[name] = {"per_seed": values} | over | self.scoring.better.get(name, {})
        drawn = self.training.sample(self.cell.protocol.samples).float().cpu()
        summary = {
            "variant": self.cell.variant,
            "options": self.cell.options,
            "data": self.cell.data,
            "seeds": list(self.cell.seeds),
            "rounds": self.cell.recipe.rounds,
            "protocol": self.cell.protocol.as_dict(),
            "metrics": metrics,
            "unavailable": self.scoring.unavailable,
            "judge": self.scoring.judge,
            "reference": scoring.reference(self.data, self.scoring, self.cell.protocol),
            "diverged": sorted(self.training.diverged),
            "verdict": self.verdict(drawn),
            "cost": self.cost(),
            "seconds": round(self.training.seconds, 3),
            "device": device_name(self.device),
            "versions": versions(),
        }
        write_csv(self.folder / "metrics.csv", self.rows)
        rounds = np.asarray(sorted(self.filmed))
        arrays = {"samples": drawn.numpy(), "history": torch.stack(self.film).numpy(), "rounds": rounds}
        if self.plane is not None:
            arrays |= {"landscape": torch.stack(self.landscape).numpy(), "plane": self.plane.numpy()}
        write_npz(self.folder / "samples.npz", arrays)
        weights = self.training.lanes().sampled
        checkpoint.write(self.folder / "generator.safetensors", weights, {"seeds": json.dumps(list(self.cell.seeds))})
        write_json(self.folder / "summary.json", summary)
        return summary

    def verdict(self, samples: Tensor) -> list[str]:
        """What happened, in words: a sentence for each group of seeds that ended alike."""
        from zoo.evaluation import subjects
        from zoo.evaluation.verdict import describe

        if self.scoring.unavailable.get("modes"):  # nothing counts the modes of this data here
            return []
        found = subjects.verdict(
            samples,
            self.data.to("cpu"),
            self.cell.seeds,
            protocol=self.cell.protocol,
            diverged=sorted(self.training.diverged),
            frames=torch.stack(self.film),
        )
        return describe(found)

    def cost(self) -> dict[str, float]:
        """What the run cost: turns of each player over the run, operations and seconds of training per seed."""
        rounds, game = self.cell.recipe.rounds, self.training.game
        turns = {
            f"{p.name}_updates": float(rounds * (1 if game.variant.simultaneous else p.steps)) for p in game.players
        }
        seeds = len(self.cell.seeds)
        spent = {
            "gflop_per_seed": rounds * self.flops / 1e9,
            "seconds_per_seed": self.training.seconds / seeds,
            "cpu_seconds_per_seed": self.training.cpu_seconds / seeds,
        }
        return turns | spent


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
    where = resolve_device(device)
    folder = new_folder(cell, out)
    run = Session(cell, folder, where, compile=compile, tf32=tf32, listener=listener or Listener())
    run.folder = folder = claimed(folder) if out is None else new_folder(cell, out)  # building it took seconds
    folder.mkdir(parents=True, exist_ok=True)
    config = cell.as_dict() | plugins.origin(cell.variant, cell.data)
    config |= {
        "device": device_name(where),
        "kind": where.type,
        "compiled": run.compiled,
        "tf32": run.tf32,
        "groups": run.training.groups,
        "versions": versions(),
        "git": git_commit(),
        "command": command(cell, run.data, tf32=run.tf32),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(folder / "config.json", config)
    return run


def resume(
    folder: Path, *, device: str | torch.device = "auto", compile: bool | None = None, listener: Listener | None = None
) -> Session:
    """The run in ``folder``, ready to go on; its result is the same as if it had never stopped.

    ``auto`` is the kind of device that it began on, since another draws other numbers. There it is compiled if it was, unless ``compile`` says,
    in TF32 if it was, and in as many groups: a seed alone rounds otherwise than one among others.
    """
    cell, start = read_cell(folder), read_start(folder)
    where = resolve_device(start.kind if device == "auto" else device)
    alike = start.kind == where.type
    compile = start.compiled if alike and compile is None else compile
    groups = start.groups if alike and compile == start.compiled else None
    run = Session(cell, folder, where, groups, compile, start.tf32 and where.type == "cuda", listener or Listener())
    if run.checkpointed:
        run.resume()
    return run
