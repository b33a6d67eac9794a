"""Seeds trained per second of wall time with every core against one: ``python -m benchmarks.cores`` (on a machine with nothing else to do).

The same seeds in one group on one thread; in a group per core, each in a thread of its own, as ``zoo run`` trains them; and in a process per
core, as a sweep trains its cells. In turns; the figures are the medians of the ratios. Once with a traced round, once with a compiled one.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache

import torch

from benchmarks.throughput import ENGINES, Setting, of, ring
from zoo.engines import memory
from zoo.harness import Game
from zoo.training import Training

SETTINGS = [ring("ns", 128, 2), ring("ns", 512, 256), ring("unrolled", 128, 2, k=5), ring("unrolled", 512, 256, k=5)]


def second_half(game: Game, seeds: int, cores: int) -> float:
    """Wall time of the rounds after the first of a game's two evaluations: training alone, the first half having warmed up and traced."""
    groups = memory.groups(game, range(seeds), cores)
    training = Training(game, range(seeds), lambda samples: {}, n_samples=2, groups=groups, workers=cores)
    warm, spent = [training.seconds for _ in training]
    return spent - warm


@cache
def played(label: str, engine: str, rounds: int) -> Game:
    """The setting's game, for two evaluations of so many rounds; its rounds are made once in a process."""
    (setting,) = (s for s in SETTINGS if s.label == label)
    changed = replace(setting, changes=setting.changes | {"rounds": 2 * rounds, "every": rounds})
    return of(changed, ENGINES[engine])


def seconds(setting: Setting, engine: str, seeds: int, rounds: int, cores: int) -> float:
    """Wall time of ``rounds`` rounds of the setting's game, on one thread or in a group per core."""
    return second_half(played(setting.label, engine, rounds), seeds, cores)


def apart(pool: ProcessPoolExecutor, setting: Setting, engine: str, seeds: int, rounds: int, cores: int) -> float:
    """The same in a process per core, the slowest one's."""
    running = [pool.submit(seconds, setting, engine, seeds // cores, rounds, 1) for _ in range(cores)]
    return max(process.result() for process in running)


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cores", description=__doc__)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--engines", nargs="+", choices=("traced", "compiled"), default=["traced", "compiled"])
    parser.add_argument("--only", default="", help="only settings whose label contains this")
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores against one, {args.seeds} seeds, load {os.getloadavg()[0]:.1f}")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, spawn, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for setting, engine in itertools.product((s for s in SETTINGS if args.only in s.label), args.engines):
            ratios: dict[str, list[float]] = {"threads": [], "processes": []}
            for _ in range(args.turns):
                torch.set_num_threads(1)
                alone = seconds(setting, engine, args.seeds, args.rounds, 1)
                ratios["threads"].append(alone / seconds(setting, engine, args.seeds, args.rounds, cores))
                ratios["processes"].append(alone / apart(pool, setting, engine, args.seeds, args.rounds, cores))
            told = (f"{how} {statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for how, r in ratios.items())
            print(f"{setting.label:<32} {engine:<8} {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
