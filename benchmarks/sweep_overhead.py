"""What `zoo sweep` adds to a cell's own time: `python benchmarks/sweep_overhead.py [CELLS] [local|ray]`, one worker, tiny cells.

A cell's own time is what `zoo run` does as well: set up, train, write, draw. The first cell waits for its worker to import torch, and
for Ray to start.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from zoo.sweeps import grid
from zoo.sweeps.executor import Wanted, choose
from zoo.sweeps.sweep import Sweep


def main(n: int, on: str) -> None:
    rates = tuple(0.001 * i for i in range(1, n + 1))
    tiny = {"rounds": (6,), "width": (8,), "batch": (16,), "every": (3,), "lr_d": rates}
    cells = grid.cells(grid.Grid(("ns",), grid=tiny, seeds=2))
    with tempfile.TemporaryDirectory() as folder:
        overheads, own, last = [], [], time.perf_counter()
        executor = choose(on, Wanted("cpu", jobs=1, out=Path(folder)))
        for outcome in Sweep(cells, Path(folder), executor).run():
            now = time.perf_counter()
            overheads.append(now - last - outcome.seconds)
            own.append(outcome.seconds)
            last = now
    print(f"first cell: {overheads[0]:.2f} s beyond its own {own[0]:.2f} s")
    print(
        f"the other {n - 1}: median {statistics.median(overheads[1:]):.3f} s, at most {max(overheads[1:]):.3f} s "
        f"beyond their own (median {statistics.median(own[1:]):.2f} s)"
    )


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(int(given.get(1, 12)), given.get(2, "local"))
