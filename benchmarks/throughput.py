"""Rounds of the zoo against the plain loop on the same work: ``python -m benchmarks.throughput``.

One process, one thread; the competitors take turns (A B C A B C ...) so that all see the same machine; the figure is the median over turns of
CPU time (user + system) per seed-round, and its ratio to the plain loop's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

import toy_data
from benchmarks import plain
from zoo import variants
from zoo.harness import Game
from zoo.nets.kits import MLP
from zoo.recipe import Recipe


@dataclass(frozen=True)
class Setting:
    """One comparison: a variant on the ring at one batch and latent size, with S seeds side by side."""

    variant: str
    batch: int
    latent: int
    k: int = 0

    @property
    def label(self) -> str:
        return f"{self.variant}{f' k={self.k}' if self.k else ''}, batch {self.batch}, z {self.latent}"


def zoo_round(setting: Setting, seeds: int, traced: bool = True) -> Callable[[], None]:
    """One round of S seeds per call."""
    cls = variants.load(setting.variant)
    variant = cls(k=setting.k) if setting.k else cls()
    recipe = Recipe(rounds=10**9, batch=setting.batch, latent=setting.latent)
    game = Game(variant, MLP((2,), setting.latent, 128), toy_data.load("ring"), recipe, traced=traced)
    lanes, stream = game.build(range(seeds)), game.stream(range(seeds))

    def round_() -> None:
        game.advance(lanes, stream, lanes.played + 1)
        lanes.losses.clear()

    return round_


def measure(competitors: dict[str, Callable[[], None]], seconds: float, turns: int) -> dict[str, float]:
    """Median CPU milliseconds per call, interleaved."""
    calls = {}
    for name, call in competitors.items():
        for _ in range(3):
            call()
        started = time.process_time()
        call()
        calls[name] = max(1, int(seconds / turns / max(1e-4, time.process_time() - started)))
    spent: dict[str, list[float]] = {name: [] for name in competitors}
    for _ in range(turns):
        for name, call in competitors.items():
            started = time.process_time()
            for _ in range(calls[name]):
                call()
            spent[name].append((time.process_time() - started) / calls[name] * 1e3)
    return {name: statistics.median(times) for name, times in spent.items()}


def product_rate(batch: int, width: int = 128) -> float:
    """GFLOP/s of this machine's own matrix product at the shapes of the hidden layers."""
    a, b = torch.randn(batch, width), torch.randn(width, width)
    ms = measure({"mm": lambda: torch.mm(a, b)}, 0.5, 5)["mm"]
    return 2 * batch * width * width / ms / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="CPU seconds per competitor")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = [
        Setting("ns", 128, 2),
        Setting("ns", 512, 256),
        Setting("unrolled", 128, 2, 5),
        Setting("unrolled", 512, 256, 5),
    ]
    rows = []
    for s in settings:
        loop = plain.unrolled(s.batch, s.latent, s.k) if s.k else plain.ns(s.batch, s.latent)
        competitors = {"plain": loop} | {f"S={n}": zoo_round(s, n) for n in args.seeds}
        times = measure(competitors, args.seconds, args.turns)
        for n in args.seeds:
            per_seed = times[f"S={n}"] / n
            rows.append(
                {
                    "setting": s.label,
                    "S": n,
                    "plain_ms": times["plain"],
                    "zoo_ms": per_seed,
                    "ratio": per_seed / times["plain"],
                }
            )
    rates = {b: product_rate(b) for b in (128, 512)}
    if args.json:
        print(json.dumps({"torch": torch.__version__, "product_gflops": rates, "rows": rows}, indent=2))
        return
    machine = f"torch {torch.__version__}, {os.cpu_count()} cores, 1 thread"
    print(f"{machine}; own matrix product {rates[128]:.0f} (batch 128), {rates[512]:.0f} GFLOP/s (512)")
    print("| setting | S | plain, CPU ms a round | zoo, CPU ms a seed-round | ratio |\n|---|---|---|---|---|")
    for r in rows:
        print(f"| {r['setting']} | {r['S']} | {r['plain_ms']:.2f} | {r['zoo_ms']:.2f} | {r['ratio']:.2f} |")


if __name__ == "__main__":
    main()
