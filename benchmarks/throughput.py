"""Rounds of the zoo against the plain loop on the same work: ``python -m benchmarks.throughput`` rewrites throughput.json and throughput.md.

One process; the competitors of a setting take turns (A B C A B C ...), so that all see the same machine; the figure is the median over turns of
CPU time (user + system) per seed-round, and its ratio to the plain loop's where there is one (``benchmarks.plain``: ring, ns and unrolled).
Each round is traced, compiled, and (for one seed and eight) played as the Python stands; compiling begins with an empty cache.
``--quick`` measures the settings that have a plain loop, one seed and eight; ``--only TEXT`` those whose label contains it; the rows of either
take the places of those recorded.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import toy_data
from benchmarks import plain, record
from zoo import heap, native
from zoo.engines import counting, memory, onednn
from zoo.engines.compiling import Compiled
from zoo.engines.tracing import Engine, Line, Mapped, Traced
from zoo.harness import Game
from zoo.runs.cell import plan
from zoo.runs.kits import kit_for
from zoo.training import TURN

HERE = Path(__file__).parent
MANY = 16
"""Seeds beyond which only short rounds are measured."""
ROW = 16
"""Products in a row, for the machine's best rate."""
POINTS = {"width": 128, "depth": 2, "activation": "relu", "ema": 0.0, "b1": 0.5, "decay": 0.0}
"""The plain loop's nets and optimiser, whatever the data set's own recipe has."""
MNIST = {"kit": "keras-dense", "batch": 64, "latent": 100, "ema": 0.0}


@dataclass(frozen=True)
class Setting:
    """One game: a variant on some data under a recipe's changes."""

    variant: str
    data: str = "ring"
    recipe: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        told = {"batch": "batch", "latent": "z", "kit": "kit", "k": "k"}
        given = [f"{told[n]} {v}" for n, v in (self.options | self.changes).items() if n in told]
        return ", ".join([self.variant, self.data, *given, *([f"recipe {self.recipe}"] if self.recipe else [])])

    @property
    def short(self) -> bool:
        """Whether many seeds' round takes no more than a second."""
        return self.data == "ring" and self.changes.get("batch") == 128

    def loop(self, device: torch.device | str = "cpu") -> Callable[[], None] | None:
        """The plain loop on this work, where there is one: ``ns`` on the same nets, and ``unrolled`` on the ring."""
        if self.recipe is not None or self.variant not in ("ns", "unrolled"):
            return None
        batch, latent = self.changes["batch"], self.changes["latent"]
        if self.variant == "unrolled":
            return plain.unrolled(batch, latent, self.options["k"], device=device)
        if self.data == "ring":
            g, d = plain.mlp(latent, 2, 128).to(device), plain.mlp(2, 1, 128).to(device)
            return plain.ns(g, d, lambda n: plain.ring(n, device), batch, latent, device=device)
        cell = plan(self.variant, data=self.data, changes=self.changes)
        data = toy_data.load(self.data).to(device)
        kit = kit_for(data, cell.recipe)
        g, d = kit.generator().to(device), kit.discriminator().to(device)
        return plain.ns(g, d, data.sample, batch, latent, cell.recipe.lr_d, device)


def ring(variant: str, batch: int, latent: int, **options: int) -> Setting:
    return Setting(variant, changes=POINTS | {"batch": batch, "latent": latent}, options=options)


RING = [ring("ns", b, z) for b, z in ((128, 2), (512, 256))] + [
    ring("unrolled", b, z, k=k) for k in (1, 5, 10) for b, z in ((128, 2), (512, 256))
]
SETTINGS = [
    *RING,
    *(ring(v, 128, 2) for v in ("wgan-gp", "pacgan", "minibatch", "r3gan")),
    Setting("pacgan", "grid", "pacgan-grid"),
    Setting("ns", "mnist", changes=MNIST),
    Setting("ns", "mnist", changes={"kit": "dcgan", "batch": 64, "latent": 100, "width": 32, "ema": 0.0}),
]


ENGINES: dict[str, Engine] = {"untraced": Mapped(), "traced": Traced(), "compiled": Compiled()}


def of(setting: Setting, engine: Engine = ENGINES["traced"]) -> Game:
    """The setting's game."""
    s = setting
    cell = plan(s.variant, s.options, data=s.data, recipe=s.recipe, changes=s.changes)
    data = toy_data.load(s.data)
    return Game(cell.build(), kit_for(data, cell.recipe), data, cell.recipe, engine=engine)


def busy() -> float:
    """CPU seconds of this process and of those that it started and that ended (the C++ compiler)."""
    return sum(os.times()[:4])


@dataclass
class Lap:
    """A game with S seeds, side by side or one after another, some rounds per call; what its first round took, and what it needs."""

    game: Game
    seeds: int
    rounds: int = 0
    """Played in a call; 0 takes as many of each group as a run plays in its turn, fewer where seeds are very many."""
    together: int | None = None
    """Seeds in a group; by itself all, or one where they are played one by one."""

    def __post_init__(self) -> None:
        started, clock = busy(), time.perf_counter()
        size = self.together or (self.seeds if self.game.engine.side_by_side else 1)
        parts = [range(first, first + size) for first in range(0, self.seeds, size)]
        self.groups = [(self.game.build(part), self.game.stream(part)) for part in parts]
        self.round = self.game.prepare(*self.groups[0])
        self.play(1)
        self.first, self.wait = busy() - started, time.perf_counter() - clock
        if not self.rounds:
            started = time.process_time()
            self.play(1)
            spent = (time.process_time() - started) / len(self.groups)
            self.rounds = max(1, int(TURN * min(1, MANY / self.seeds) / spent))

    def __call__(self) -> None:
        self.play(self.rounds)

    def play(self, rounds: int) -> None:
        for lanes, stream in self.groups:
            self.game.advance(lanes, stream, lanes.played + rounds)
            lanes.losses.clear()

    @property
    def flops(self) -> float:
        """Operations of products in a seed's round."""
        return counting.flops(self.round) / (len(self.groups[0][0].seeds) if self.game.engine.side_by_side else 1)

    @property
    def megabytes(self) -> float | None:
        """The most that a traced round holds at once, beside its inputs."""
        return memory.peak_bytes(self.round) / 2**20 if isinstance(self.round, Line) else None


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


def product_rates(batch: int, width: int = 128) -> dict[str, float]:
    """GFLOP/s of products at the shapes of the hidden layers, a row of them, by each way there is: MKL's, oneDNN's, a compiled round's."""
    a, b = torch.randn(batch, width), torch.randn(width, width) / width**0.5

    def row(by: Callable[[Tensor, Tensor], Tensor], x: Tensor, w: Tensor) -> Tensor:
        return functools.reduce(lambda made, _: by(made, w), range(ROW), x)

    ways: dict[str, Callable[[], Any]] = {"mm": lambda: row(torch.mm, a, b)}
    if onednn.plays():
        ways["traced"] = lambda: row(onednn.multiply, a, b)
    if native.compiler():
        lanes = [a[None], b[None]]
        compiled = Compiled()(lambda given: [row(torch.mm, *given)], lanes, donated=0)
        ways["compiled"] = lambda: compiled(lanes)
    return {way: ROW * 2 * batch * width * width / ms / 1e6 for way, ms in measure(ways, 0.5, 5).items()}


def most(setting: Setting) -> int:
    """Four times as many seeds as ``zoo run`` would put side by side, so that its choice can be judged, and four at least."""
    return max(4, 4 * memory.NEAR // max(sum(n.sizes) for n in of(setting).networks.values()))


def laps_of(setting: Setting, seeds: list[int], engines: list[str]) -> dict[tuple[str, int], Lap]:
    """By engine and number of seeds; the Python as it stands for one seed and eight alone, many compiled seeds where a round is short."""
    limit, laps = most(setting), {}
    for name in engines:
        game = of(setting, ENGINES[name])
        for n in seeds:
            long = name != "compiled" and n > limit
            if not long and (name != "untraced" or n in (1, 8)) and (n <= MANY or setting.short):
                rounds = 8 if setting.short and n <= MANY else 1
                laps[name, n] = Lap(game, n, rounds if game.engine.side_by_side else 0)
    return laps


def rows_of(
    setting: Setting, seeds: list[int], seconds: float, turns: int, engines: list[str] | None = None
) -> list[dict[str, Any]]:
    """The setting's figures for each engine and number of seeds."""
    loop, laps = setting.loop(), laps_of(setting, seeds, engines or ["traced"])
    named = {f"{name} {n}": lap for (name, n), lap in laps.items()}
    times = measure({**named, **({"plain": loop} if loop else {})}, seconds, turns)
    rows = []
    for (name, n), lap in laps.items():
        ms = times[f"{name} {n}"] / n / lap.rounds
        own = {"setting": setting.label, "engine": name, "S": n, "ms": ms, "seed_steps_per_second": 1e3 / ms}
        own |= {
            "gflops": lap.flops / ms / 1e6,
            "first_round_s": lap.first,
            "wait_s": lap.wait,
            "peak_mb": lap.megabytes,
        }
        traced = laps.get(("traced", n))
        if name == "compiled" and traced and (saved := times[f"traced {n}"] / n / traced.rounds - ms) > 0:
            own["pays_after"] = laps[name, seeds[0]].first / saved * 1e3
        rows.append(own | ({"plain_ms": times["plain"], "ratio": ms / times["plain"]} if loop else {}))
    return rows


def table(made: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rates = ", ".join(f"{rate:.0f} at batch {batch}" for batch, rate in made["best_product_gflops"].items())
    lines = [
        f"{made['device']}; torch {made['torch']}, {made['threads']} thread(s), load {made['load']}; best product, GFLOP/s: {rates}.",
        "",
        "First round: CPU s (and s of wall time) to make it, compiling with an empty cache. Pays after: seed-rounds until compiling is repaid.",
        "",
        "| setting | engine | S | CPU ms a seed-round | a CPU second | of plain | products, GFLOP/s | first round | peak, MB | pays after |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    order, engines = [setting.label for setting in SETTINGS], list(ENGINES)
    for r in sorted(
        made["rows"], key=lambda row: (order.index(row["setting"]), engines.index(row["engine"]), row["S"])
    ):
        ratio = f"{r['ratio']:.2f}" if "ratio" in r else ""
        peak = f"{r['peak_mb']:.1f}" if r["peak_mb"] is not None else ""
        pays = f"{r['pays_after']:,.0f}" if "pays_after" in r else ""
        lines.append(
            f"| {r['setting']} | {r['engine']} | {r['S']} | {r['ms']:.2f} | {r['seed_steps_per_second']:.0f} | {ratio} "
            f"| {r['gflops']:.0f} | {r['first_round_s']:.1f} ({r['wait_s']:.1f}) | {peak} | {pays} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="CPU seconds per competitor")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 4, 8, 16, 64, 256])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="only what has a plain loop, S = 1 and 8")
    parser.add_argument("--only", default="", help="only settings whose label contains this")
    parser.add_argument("--out", type=record.folder, default=HERE, help="folder of throughput.json and throughput.md")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    heap.keep_freed()  # as `zoo run` does; the plain loop gains by it too
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp(prefix="zoo-benchmark-")
    about = {
        "threads": args.threads,
        "load": round(os.getloadavg()[0], 1),
        "turns": args.turns,
        "best_product_gflops": {str(b): max(product_rates(b).values()) for b in (128, 512)},
    }
    stem, cpu = args.out / "throughput", torch.device("cpu")
    made = record.begin(stem, cpu, table, ["rows"], anew=not (args.only or args.quick), about=about)
    for setting in RING if args.quick else SETTINGS:
        if args.only in setting.label:
            seeds = [1, 8] if args.quick else args.seeds
            made.keep(
                "rows", rows_of(setting, seeds, args.seconds, args.turns, list(ENGINES)), "setting", "engine", "S"
            )
    print(table(made.made), end="")


if __name__ == "__main__":
    main()
