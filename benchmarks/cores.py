"""Seeds trained per second of wall time with every core against one: ``python -m benchmarks.cores`` (on a machine with nothing else to do).

As ``zoo run`` trains them: the same seeds in one group on one thread, and in a group per core, each in a thread of its own. In turns; the
figure is the median of the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics

import torch

import toy_data
from benchmarks.throughput import Setting, ring
from zoo.cell import kit_for, plan
from zoo.harness import Game, Training

SETTINGS = [ring("ns", 128, 2), ring("ns", 512, 256), ring("unrolled", 128, 2, k=5), ring("unrolled", 512, 256, k=5)]


def seconds(setting: Setting, seeds: int, rounds: int, cores: int) -> float:
    """Wall time of training alone, tracing and evaluation left out."""
    changes = setting.changes | {"rounds": 2 * rounds, "every": rounds}
    cell = plan(setting.variant, setting.options, data=setting.data, changes=changes, seeds=seeds)
    data = toy_data.load(setting.data)
    game = Game(cell.build(), kit_for(data, cell.recipe), data, cell.recipe)
    training = Training(game, cell.seeds, lambda samples: {}, n_samples=1, groups=cores, workers=cores)
    warm, spent = [training.seconds for _ in training]  # the first half warms up
    return spent - warm


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cores", description=__doc__)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores against one, {args.seeds} seeds, load {os.getloadavg()[0]:.1f}")
    for setting in SETTINGS:
        ratios = []
        for _ in range(args.turns):
            torch.set_num_threads(1)
            alone = seconds(setting, args.seeds, args.rounds, 1)
            ratios.append(alone / seconds(setting, args.seeds, args.rounds, cores))
        print(
            f"{setting.label:<45} {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True
        )


if __name__ == "__main__":
    main()
