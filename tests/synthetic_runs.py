"""Run directories made by hand, in the format that ``zoo run`` writes, with known numbers in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.files import write_json, write_text

SEEDS = range(8)
ROUNDS = [100, 200, 300, 400]
NS, UNROLLED = [2, 3, 4, 2, 8, 7, 1, 3], [8, 8, 7, 8, 8, 8, 6, 8]
"""Modes that eight seeds of each cover in the end."""


def ring(n: int, modes: int, rng: np.random.Generator, sigma: float = 0.02) -> np.ndarray:
    """``[n, 2]`` samples on the first ``modes`` of the ring's 8 modes."""
    angle = 2 * np.pi * rng.integers(max(modes, 1), size=n) / 8
    return (2 * np.stack([np.cos(angle), np.sin(angle)], -1) + sigma * rng.normal(size=(n, 2))).astype(np.float32)


def write_run(
    root: Path,
    variant: str,
    modes: Sequence[float],
    *,
    options: Mapping[str, Any] | None = None,
    data: str = "ring",
    seeds: Sequence[int] | None = None,
    rounds: int = 400,
    recipe: Mapping[str, Any] | None = None,
    protocol: Mapping[str, Any] | None = None,
    diverged: Sequence[int] = (),
    cost: Mapping[str, float] | None = None,
    name: str = "a",
    arrays: bool = True,
    judged: int | None = None,
    finished: bool = True,
) -> Path:
    """A run whose seed i covers ``modes[i]`` modes in the end, and ``modes[i] / 10`` of whose samples are of high quality."""
    seeds = list(seeds if seeds is not None else range(len(modes)))
    folder = root / data / variant / name
    folder.mkdir(parents=True)
    options, recipe = (
        dict(options or {}),
        {"rounds": rounds, "batch": 128, "lr_d": 1e-3, "lr_g": 1e-3, **(recipe or {})},
    )
    protocol = {"name": "pacgan", "threshold": 3.0, "samples": 2500, "hits": 1, **(protocol or {})}
    shared = {"variant": variant, "options": options, "data": data, "seeds": seeds, "protocol": protocol}
    versions = {"python": "3.11", "torch": "2.15.0", "mode-collapse-zoo": "0.1.0"}
    words = " ".join(f"--{k} {v}" for k, v in options.items())
    config = shared | {
        "recipe": recipe,
        "recipe_name": "ring",
        "data_root": None,
        "device": "cpu",
        "versions": versions,
        "git": None,
        "command": f"zoo run {variant} {words} --data {data}",
        "created": "2026-11-21T08:00:00+00:00",
    }
    write_json(folder / "config.json", config)
    if not finished:
        return folder
    finals = {
        "modes": [float(m) for m in modes],
        "high_quality": [m / 10 for m in modes],
        "reverse_kl": [8 - m for m in modes],
    }
    metrics = {}
    for metric, values in finals.items():
        known = [v for v in values if v == v]
        mean = float(np.mean(known)) if known else float("nan")
        metrics[metric] = {"per_seed": values, "mean": mean, "median": mean, "ci95": [mean, mean]}
    summary = shared | {
        "rounds": rounds,
        "metrics": metrics,
        "unavailable": {},
        "reference": {"data": {"modes": 8, "high_quality": 0.989}, "collapsed": {"modes": 1, "high_quality": 0.989}},
        "diverged": list(diverged),
        "cost": cost or {"D_updates": float(rounds), "G_updates": float(rounds), "seconds_per_seed": 2.0},
        "seconds": 2.0 * len(seeds),
        "device": "cpu",
        "versions": versions,
    }
    write_json(folder / "summary.json", summary)
    lines = ["seed,round,modes,high_quality,reverse_kl,loss/D,loss/G"]
    for i, part in enumerate(ROUNDS):
        for seed, m in zip(seeds, modes, strict=True):
            share = (i + 1) / len(ROUNDS)
            lines.append(
                f"{seed},{part * rounds // 400},{round(m * share) if m == m else m},{m * share / 10},{8 - m},1.3,{0.7 + 0.01 * seed}"
            )
    write_text(folder / "metrics.csv", "\n".join(lines) + "\n")
    if arrays:
        rng = np.random.default_rng(0)
        clouds = [ring(500, int(m) if m == m else 1, rng) for m in modes]
        history = np.stack(
            [
                np.stack([ring(200, max(1, round((m if m == m else 1) * i / 4)), rng) for m in modes])
                for i in range(1, 5)
            ]
        )
        kept = {"samples": np.stack(clouds), "history": history, "rounds": np.array(ROUNDS)}
        if judged is not None:  # the landscape of D of so many seeds
            y, x = np.mgrid[-2.8:2.8:32j, -2.8:2.8:32j]
            bowls = [np.cos(3 * np.hypot(x, y) + i) for i in range(len(ROUNDS))]
            kept["landscape"] = np.broadcast_to(np.stack(bowls)[:, None], (len(ROUNDS), judged, 32, 32)).astype("f4")
            kept["plane"] = np.array([-2.8, 2.8, -2.8, 2.8], dtype="f4")
        np.savez(folder / "samples.npz", **kept)
    (folder / "DONE").touch()
    return folder
