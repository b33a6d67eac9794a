"""What a round of each variant costs, relative to ``ns``: ``python -m benchmarks.cost`` writes baselines/results/cost.json.

One process, one thread; the variants take turns, so that all see the same machine; the figure is the median over turns of the ratio of CPU
time (user + system) to the reference's in the same turn. Variants given by name are measured anew, the others keep their figures.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

import toy_data
from zoo import variants
from zoo.harness import Game
from zoo.nets.kits import MLP
from zoo.recipe import Recipe

FILE = Path(__file__).parents[1] / "baselines" / "results" / "cost.json"
REFERENCE = "ns"
SEEDS, BATCH, LATENT, WIDTH = 8, 128, 2, 128


def round_of(name: str) -> Callable[[], None]:
    """One round of all seeds per call, at the variant's defaults; traced already."""
    recipe = Recipe(rounds=10**9, batch=BATCH, latent=LATENT, width=WIDTH)
    game = Game(variants.load(name)(), MLP((2,), LATENT, WIDTH), toy_data.load("ring"), recipe)
    lanes, stream = game.build(range(SEEDS)), game.stream(range(SEEDS))

    def round_() -> None:
        game.advance(lanes, stream, lanes.played + 1)
        lanes.losses.clear()

    for _ in range(3):
        round_()
    return round_


def cpu(call: Callable[[], None], calls: int) -> float:
    """CPU milliseconds per call."""
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls * 1e3


def measure(names: list[str], turns: int, seconds: float) -> dict[str, dict[str, float]]:
    """For each variant: median CPU milliseconds of a seed-round, and the ratio to the reference's with its quartiles over turns."""
    rounds = {name: round_of(name) for name in dict.fromkeys([REFERENCE, *names])}
    calls = {name: max(1, int(seconds / turns / max(1e-4, cpu(call, 1) / 1e3))) for name, call in rounds.items()}
    spent: dict[str, list[float]] = {name: [] for name in rounds}
    for _ in range(turns):
        for name, call in rounds.items():
            spent[name].append(cpu(call, calls[name]))
    found = {}
    for name in names:
        ratios = [own / reference for own, reference in zip(spent[name], spent[REFERENCE], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        ms = statistics.median(spent[name]) / SEEDS
        found[name] = {"ms": round(ms, 4), "factor": round(middle, 3), "low": round(low, 3), "high": round(high, 3)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument("variants", nargs="*", help="which (default: all)")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds per variant")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kept = json.loads(FILE.read_text(encoding="utf-8"))["variants"] if FILE.exists() and args.variants else {}
    rows = kept | measure(args.variants or variants.own(), args.turns, args.seconds)
    made = {
        "command": "python -m benchmarks.cost",
        "setting": f"ring, {SEEDS} seeds side by side, batch {BATCH}, latent {LATENT}, width {WIDTH}, one thread, traced",
        "reference": REFERENCE,
        "turns": args.turns,
        "device": f"CPU, {platform.machine()}",
        "torch": torch.__version__.split("+")[0],
        "variants": {name: rows[name] for name in sorted(rows)},
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    for name, row in sorted(rows.items(), key=lambda item: item[1]["factor"]):
        print(
            f"{name:<16} {row['factor']:6.2f}  ({row['low']:.2f} to {row['high']:.2f})  {row['ms']:.3f} ms a seed-round"
        )


if __name__ == "__main__":
    main()
