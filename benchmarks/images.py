"""MNIST rounds of the zoo against the usual PyTorch script: ``python -m benchmarks.images`` (needs the MNIST files, see ``toy_data``).

The script is the one that tutorials share: torchvision's MNIST through a DataLoader with ToTensor and Normalize, binary cross-entropy, one
step of D on real and fake, one of G; the same nets (``keras-dense``), batch 64. One process, in turns; the figure is the median of CPU time per
seed-round of 64 images on one thread, and how many times more images a second the zoo trains on. Then the same in wall time on every core, as
each runs when nobody sets threads: the script's products are split between the cores, the zoo's seeds are.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

import toy_data
from benchmarks.cores import second_half
from benchmarks.throughput import ENGINES, Lap, measure
from toy_data.idx import data_root
from zoo.harness import Game
from zoo.nets.dense import keras_dense
from zoo.recipe import Recipe
from zoo.variants.ns import NonSaturating

BATCH, LATENT, SHAPE = 64, 100, (1, 28, 28)


def loader() -> Iterator[Tensor]:
    """Batches of real images for ever, as the usual script gets them."""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import MNIST

    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    images = DataLoader(MNIST(str(data_root(None)), transform=to_tensor), BATCH, shuffle=True, drop_last=True)
    while True:
        yield from (x for x, _ in images)


def usual() -> Callable[[], None]:
    """One step of D and one of G per call."""
    kit = keras_dense(SHAPE, LATENT)
    g, d = kit.generator(), nn.Sequential(kit.discriminator(), nn.Sigmoid())
    move_g, move_d = (torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (g, d))
    loss, real, fake = nn.BCELoss(), torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    batches = loader()

    def step() -> None:
        x = next(batches)
        made = g(torch.randn(BATCH, LATENT))
        move_d.zero_grad()
        (loss(d(x), real) + loss(d(made.detach()), fake)).backward()
        move_d.step()
        move_g.zero_grad()
        loss(d(made), real).backward()
        move_g.step()

    return step


def game(rounds: int, every: int = 0, engine: str = "compiled") -> Game:
    """``ns`` on the same nets, batches and rates as the script."""
    recipe = Recipe(rounds=rounds, every=every, batch=BATCH, latent=LATENT, lr_d=2e-4, lr_g=2e-4, shared_batch=True)
    return Game(NonSaturating(), keras_dense(SHAPE, LATENT), toy_data.load("mnist"), recipe, engine=ENGINES[engine])


def both_ways(seeds: int, rounds: int, turns: int, cores: int) -> tuple[float, float]:
    """Wall milliseconds per 64 images on every core: the usual script's, and the zoo's compiled, with ``seeds`` seeds; medians."""
    step, compiled, times = usual(), game(2 * rounds, rounds), ([], [])
    for _ in range(turns):
        torch.set_num_threads(cores)
        for _ in range(3):
            step()
        started = time.perf_counter()
        for _ in range(rounds):
            step()
        times[0].append((time.perf_counter() - started) / rounds * 1e3)
        torch.set_num_threads(1)
        times[1].append(second_half(compiled, seeds, cores) / rounds / seeds * 1e3)
    usual_ms, zoo_ms = (statistics.median(t) for t in times)
    return usual_ms, zoo_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="CPU seconds per competitor")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=60, help="rounds per turn on every core")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    # a seed in each group, as `zoo run` has it: their nets are large
    laps = {(e, n): Lap(game(10**9, engine=e), n, together=1) for e in ("traced", "compiled") for n in args.seeds}
    times = measure({"usual": usual()} | {f"{e} {n}": lap for (e, n), lap in laps.items()}, args.seconds, args.turns)
    rows = []
    for (e, n), lap in laps.items():
        ms = times[f"{e} {n}"] / n / lap.rounds
        rows.append({"engine": e, "S": n, "zoo_ms": ms, "times": times["usual"] / ms})
    cores = len(os.sched_getaffinity(0))
    walls = both_ways(cores * args.seeds[-1], args.rounds, args.turns, cores)
    if args.json:
        found = {"torch": torch.__version__, "usual_ms": times["usual"], "rows": rows, "cores": cores, "wall_ms": walls}
        print(json.dumps(found, indent=2))
        return
    print(f"torch {torch.__version__}, 1 thread; the usual script: {times['usual']:.1f} CPU ms per {BATCH} images")
    print("| zoo | S | CPU ms per seed-round | images a second, times the usual script's |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['engine']} | {row['S']} | {row['zoo_ms']:.1f} | {row['times']:.2f} |")
    told = f"{cores} cores, wall ms per {BATCH} images: the script's {walls[0]:.1f}, the zoo's {walls[1]:.1f} ({cores * args.seeds[-1]} seeds)"
    print(f"{told}: {walls[0] / walls[1]:.2f} times")


if __name__ == "__main__":
    main()
