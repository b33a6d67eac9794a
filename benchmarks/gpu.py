"""Many seeds on one GPU: ``python -m benchmarks.gpu`` rewrites gpu.json and gpu.md.

Rounds of S seeds in one CUDA graph, traced or of joined kernels, against the plain eager loop on the same GPU (``benchmarks.plain``), in
float32 and with TF32; and images: all seeds in one graph (convolutions by columns) against a graph for each seed on a stream of its own. Wall
time between synchronisations, drawing included, in turns, medians. The limit is what the GPU's own batched product reaches at the hidden
layers' shapes. Compiling begins with an empty cache. ``--only TEXT`` measures the settings whose label contains it, anew among the recorded.
``--whole`` plays whole runs as well, verdicts and pictures of all seeds included: laps over batches that are there would not show a wait.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import toy_data
from benchmarks import record
from benchmarks.throughput import MNIST, Lap, Setting, ring
from zoo.ambient import multiplying
from zoo.engines.compiling import Joined
from zoo.engines.graphs import Graphed
from zoo.engines.tracing import Engine
from zoo.harness import Game
from zoo.runs import pictures, session
from zoo.runs.cell import plan
from zoo.runs.kits import kit_for

HERE = Path(__file__).parent
WIDTH, ROUNDS = 128, 25_000
POINTS = [ring("ns", 512, 256), ring("unrolled", 512, 256, k=5), ring("ns", 128, 2)]
IMAGES = [
    Setting("ns", "mnist", changes=MNIST),
    Setting("ns", "mnist", changes={"kit": "dcgan", "batch": 64, "latent": 100, "width": 32, "ema": 0.0}),
]


def engines(tf32: bool) -> dict[str, Engine]:
    """By the names in the table."""
    return {"graph": Graphed(tf32=tf32), "graph of kernels": Graphed(Joined(), tf32)}


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


def in_turns(calls: dict[str, Callable[[], object]], device: torch.device, turns: int, each: float) -> dict[str, float]:
    """Median seconds of each call, ``each`` seconds of it in a turn."""
    many = {name: max(1, int(each / seconds(call, 3, device))) for name, call in calls.items()}
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(turns):
        for name, call in calls.items():
            spent[name].append(seconds(call, many[name], device))
    return {name: statistics.median(times) for name, times in spent.items()}


def lap(setting: Setting, seeds: int, device: torch.device, engine: Engine) -> Lap:
    """The setting's game with so many seeds on the device, a round per call."""
    cell = plan(setting.variant, setting.options, data=setting.data, recipe=setting.recipe, changes=setting.changes)
    data = toy_data.load(setting.data).to(device)
    game = Game(cell.build(), kit_for(data, cell.recipe), data, cell.recipe, device=device, engine=engine)
    made = Lap(game, seeds, rounds=1)
    wait(device)
    return made


def product_rate(device: torch.device, seeds: int, batch: int, turns: int, each: float) -> float:
    """FLOP/s of the better of a hidden layer's product and its gradient by the weights, for so many seeds at a time."""
    a, b = (torch.randn(seeds, n, WIDTH, device=device) for n in (batch, WIDTH))
    ways = {"forward": lambda: torch.bmm(a, b), "weights": lambda: torch.bmm(a.mT, a)}
    return 2 * seeds * batch * WIDTH**2 / min(in_turns(ways, device, turns, each).values())


def points(
    setting: Setting,
    device: torch.device,
    engines: dict[str, Engine],
    seeds: int,
    turns: int,
    each: float,
) -> list[dict[str, Any]]:
    """Each engine's figures on the setting, beside the plain loop's."""
    laps, made_in = {}, {}
    for name, engine in engines.items():
        started = time.perf_counter()
        laps[name] = lap(setting, seeds, device, engine)
        made_in[name] = time.perf_counter() - started
    loop = setting.loop(device)
    assert loop is not None
    at = in_turns({**laps, "plain": loop}, device, turns, each)
    limit = product_rate(device, seeds, setting.changes["batch"], turns, each / 10)
    common = {"setting": setting.label, "S": seeds, "plain_ms": 1e3 * at["plain"]}
    return [
        common
        | {
            "engine": name,
            "ms": 1e3 * at[name],
            "seed_rounds_per_second": seeds / at[name],
            "times_plain": seeds * at["plain"] / at[name],
            "share_of_limit": one.flops * seeds / at[name] / limit,
            "limit_tflops": limit / 1e12,
            "whole_s": at[name] * ROUNDS,
            "made_s": made_in[name],
        }
        for name, one in laps.items()
    ]


def images(
    setting: Setting, device: torch.device, engine: Engine, seeds: list[int], turns: int, each: float
) -> list[dict[str, Any]]:
    """All seeds in one graph against a graph for each on a stream of its own, by number of seeds."""
    rows = []
    for n in seeds:
        one = lap(setting, n, device, engine)
        apart = [lap(setting, 1, device, engine) for _ in range(n)]
        streams = [torch.cuda.Stream(device) for _ in range(n)] if device.type == "cuda" else [None] * n

        def by_streams(apart: list[Lap] = apart, streams: list[Any] = streams) -> None:
            for each_lap, stream in zip(apart, streams, strict=True):
                with torch.cuda.stream(stream):
                    each_lap()

        at = in_turns({"together": one, "streams": by_streams}, device, turns, each)
        rows.append({"setting": setting.label, "S": n} | {f"{name}_ms": 1e3 * at[name] for name in at})
    return rows


def whole(setting: Setting, device: torch.device, *, tf32: bool, seeds: int, rounds: int) -> dict[str, Any]:
    """A run as ``zoo run`` makes it, compiling included where it is chosen: seconds of its training, and of all of it."""
    changes = setting.changes | {"rounds": rounds, "every": rounds}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        cell = plan(setting.variant, setting.options, data=setting.data, changes=changes, seeds=seeds)
        run = session.start(cell, out=Path(place) / "run", device=str(device), tf32=tf32)
        summary = run.train(pictures.draw)
    modes = summary["metrics"]["modes"]
    return {
        "setting": setting.label,
        "S": seeds,
        "tf32": tf32,
        "rounds": rounds,
        "training_s": summary["seconds"],
        "all_s": time.perf_counter() - started,
        "modes": [modes["mean"], *modes["ci95"]],
    }


def table(made: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{made['device']}; torch {made['torch']}; `{made['command']}`. Wall time; drawing is part of a round.",
        "",
        "| setting | S | arithmetic | engine | ms a round | seed-rounds/s | times plain | of the limit | "
        f"{ROUNDS:,} rounds, s | made in, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in made["points"]:
        limit = f"{r['share_of_limit']:.2f} of {r['limit_tflops']:.0f} TFLOP/s"
        lines.append(
            f"| {r['setting']} | {r['S']} | {'TF32' if r['tf32'] else 'float32'} | {r['engine']} | {r['ms']:.2f} | "
            f"{r['seed_rounds_per_second']:,.0f} | {r['times_plain']:.0f} | {limit} | {r['whole_s']:.0f} | {r['made_s']:.1f} |"
        )
    lines += [
        "",
        "| images | S | one graph, ms a round | a stream for each seed, ms | times |",
        "|---|---|---|---|---|",
    ]
    for r in made["images"]:
        times = r["streams_ms"] / r["together_ms"]
        lines.append(f"| {r['setting']} | {r['S']} | {r['together_ms']:.2f} | {r['streams_ms']:.2f} | {times:.1f} |")
    if made["whole"]:
        lines += [
            "",
            "| whole runs | S | arithmetic | rounds | training, s | with compiling, verdicts, pictures, s | modes |",
            "|---|---|---|---|---|---|---|",
        ]
    for r in made["whole"]:
        mean, low, high = r["modes"]
        lines.append(
            f"| {r['setting']} | {r['S']} | {'TF32' if r['tf32'] else 'float32'} | {r['rounds']:,} | {r['training_s']:.1f} | "
            f"{r['all_s']:.0f} | {mean:.2f} [{low:.2f}, {high:.2f}] |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--seeds", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a competitor's turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", default="", help="only settings whose label contains this")
    parser.add_argument("--whole", action="store_true", help=f"also a run of {ROUNDS:,} rounds of the first setting")
    parser.add_argument("--out", type=record.folder, default=HERE, help="folder of gpu.json and gpu.md")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA device here; this measures one.", file=sys.stderr)
        sys.exit(2)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp(prefix="zoo-benchmark-")
    device = torch.device("cuda")
    kept = record.begin(args.out / "gpu", device, table, ["points", "images", "whole"], anew=not args.only)
    for setting in (one for one in POINTS if args.only in one.label):
        for tf32 in (False, True):
            with multiplying(tf32=tf32):
                rows = points(setting, device, engines(tf32), args.seeds, args.turns, args.seconds)
            kept.keep("points", [{"tf32": tf32} | row for row in rows], "setting", "tf32")
            print(rows, flush=True)
            torch.cuda.empty_cache()
    for setting in (one for one in IMAGES if args.only in one.label):
        with multiplying(tf32=False):
            rows = images(setting, device, Graphed(), [1, 4, 16], args.turns, args.seconds)
        kept.keep("images", rows, "setting")
        print(rows, flush=True)
    for tf32 in (False, True) if args.whole else ():
        row = whole(POINTS[0], device, tf32=tf32, seeds=args.seeds, rounds=ROUNDS)
        kept.keep("whole", [row], "setting", "tf32")
        print(row, flush=True)
    print(table(kept.made), end="")


if __name__ == "__main__":
    main()
