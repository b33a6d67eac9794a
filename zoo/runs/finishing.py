"""What a finished run leaves in its folder: every evaluation, the last samples, the weights, the summary."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zoo import checkpoint
from zoo.evaluation import scoring
from zoo.files import write_csv, write_json, write_npz
from zoo.runs.environment import device_name, versions
from zoo.runs.rundir import GENERATOR, METRICS, SAMPLES, SUMMARY
from zoo.statistics import summarise

if TYPE_CHECKING:
    from zoo.runs.session import Session


def finish(run: Session) -> dict[str, Any]:
    """Write what a finished run leaves, and give its summary."""
    last = [row for row in run.rows if row["round"] == run.cell.recipe.rounds]
    metrics = {}
    for name in [k for k in last[0] if k not in ("seed", "round") and "/" not in k]:
        values = [row[name] for row in last]
        told = summarise(values)
        over = {"missing": told.missing, "mean": told.mean, "median": told.median, "ci95": list(told.ci95)}
        metrics[name] = {"per_seed": values} | over | run.scoring.better.get(name, {})
    drawn = run.training.sample(run.cell.protocol.samples).float().cpu()
    summary = {
        "variant": run.cell.variant,
        "options": run.cell.options,
        "data": run.cell.data,
        "seeds": list(run.cell.seeds),
        "rounds": run.cell.recipe.rounds,
        "protocol": run.cell.protocol.as_dict(),
        "metrics": metrics,
        "unavailable": run.scoring.unavailable,
        "judge": run.scoring.judge,
        "reference": scoring.reference(run.data, run.scoring, run.cell.protocol),
        "diverged": sorted(run.training.diverged),
        "verdict": verdict(run, drawn),
        "cost": cost(run),
        "seconds": round(run.training.seconds, 3),
        "device": device_name(run.device),
        "versions": versions(),
    }
    write_csv(run.folder / METRICS, run.rows)
    rounds = np.asarray(sorted(run.filmed))
    arrays = {"samples": drawn.numpy(), "history": torch.stack(run.film).numpy(), "rounds": rounds}
    if run.plane is not None:
        arrays |= {"landscape": torch.stack(run.landscape).numpy(), "plane": run.plane.numpy()}
    write_npz(run.folder / SAMPLES, arrays)
    weights = run.training.lanes().sampled
    checkpoint.write(run.folder / GENERATOR, weights, {"seeds": json.dumps(list(run.cell.seeds))})
    write_json(run.folder / SUMMARY, summary)
    return summary


def verdict(run: Session, samples: Tensor) -> list[str]:
    """What happened, in words: a sentence for each group of seeds that ended alike."""
    from zoo.evaluation import subjects

    if run.scoring.unavailable.get("modes"):  # nothing counts the modes of this data here
        return []
    data, protocol = run.data.to("cpu"), run.cell.protocol
    counts = subjects.mode_counts(torch.stack(run.film), data, protocol)
    diverged = sorted(run.training.diverged)
    return subjects.sentences(samples, data, run.cell.seeds, protocol=protocol, diverged=diverged, counts=counts)


def cost(run: Session) -> dict[str, float]:
    """What the run cost: turns of each player over the run, operations and seconds of training per seed."""
    rounds, game = run.cell.recipe.rounds, run.training.game
    turns = {f"{p.name}_updates": float(rounds * (1 if game.variant.simultaneous else p.steps)) for p in game.players}
    seeds = len(run.cell.seeds)
    spent = {
        "gflop_per_seed": rounds * run.flops / 1e9,
        "seconds_per_seed": run.training.seconds / seeds,
        "cpu_seconds_per_seed": run.training.cpu_seconds / seeds,
    }
    return turns | spent
