"""The ring at batch 512 on one GPU: ``python -m benchmarks.gpu``. S seeds in one CUDA graph against the plain eager loop on the same GPU.

Wall time between synchronisations, in turns, medians; float32 throughout (no TF32). The limit is what the GPU's own batched product
reaches at the hidden layers' shapes. Nobody has run this on a GPU yet: the sessions that wrote it had none, and the tests play it on the CPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch

import toy_data
from benchmarks import plain
from benchmarks.throughput import Lap, ring
from zoo.cell import kit_for, plan
from zoo.engine import Engine
from zoo.environment import device_name
from zoo.graphs import Graphed
from zoo.harness import Game

BATCH, LATENT, WIDTH, ROUNDS = 512, 256, 128, 25_000


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(call: Callable[[], object], calls: int, device: torch.device) -> float:
    """Wall seconds of a call, among so many."""
    call()
    wait(device)
    started = time.perf_counter()
    for _ in range(calls):
        call()
    wait(device)
    return (time.perf_counter() - started) / calls


def lap(seeds: int, device: torch.device, engine: Engine) -> Lap:
    """``ns`` with so many seeds on the device, a round per call."""
    setting = ring("ns", BATCH, LATENT)
    cell = plan(setting.variant, data=setting.data, changes=setting.changes)
    data = toy_data.load(setting.data).to(device)
    game = Game(cell.build(), kit_for(data, cell.recipe), data, cell.recipe, device=device, engine=engine)
    return Lap(game, seeds, rounds=1)


def report(device: torch.device, engine: Engine, seeds: int, calls: int, turns: int) -> dict[str, float]:
    """Seed-rounds a second of both, their ratio, the share of the limit, and the seconds of 25,000 rounds."""
    ours = lap(seeds, device, engine)
    with torch.device(device):
        loop = plain.ns(plain.mlp(LATENT, 2, WIDTH), plain.mlp(2, 1, WIDTH), plain.ring, BATCH, LATENT)
        a, b = torch.randn(seeds, BATCH, WIDTH), torch.randn(seeds, WIDTH, WIDTH)

    def plain_round() -> None:
        with torch.device(device):
            loop()

    calls_of = {"zoo": ours, "plain": plain_round, "product": lambda: torch.bmm(a, b)}
    spent: dict[str, list[float]] = {name: [] for name in calls_of}
    for _ in range(turns):
        for name, call in calls_of.items():
            spent[name].append(seconds(call, calls, device))
    at = {name: statistics.median(times) for name, times in spent.items()}
    rate = 2 * seeds * BATCH * WIDTH**2 / at["product"]
    return {
        "zoo, seed-rounds a second": seeds / at["zoo"],
        "plain, seed-rounds a second": 1 / at["plain"],
        "times plain": seeds * at["plain"] / at["zoo"],
        "share of the limit": ours.flops * seeds / at["zoo"] / rate,
        f"seconds for {seeds} seeds x {ROUNDS:,} rounds": at["zoo"] * ROUNDS,
    }


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--seeds", type=int, default=256)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA device here; this measures one.", file=sys.stderr)
        sys.exit(2)
    device = torch.device("cuda")
    print(device_name(device))
    for name, number in report(device, Graphed(), args.seeds, args.calls, args.turns).items():
        print(f"{name:<45} {number:12,.2f}")


if __name__ == "__main__":
    main()
