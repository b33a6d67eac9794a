"""What looking at many runs costs: `python -m benchmarks.comparison [tracking ui compare report]` (all of them when none is named).

500 seeds of 20 metrics x 50 evaluations into SQLite; `zoo ui` from the command to an answered prepared view, and the memory of its
processes; `zoo compare` over 500 run directories; a report over 12 variants x 32 seeds. On synthetic run directories in a temporary folder.
Every figure as seconds of the clock, and of CPU beside it, since a shared machine stretches the first.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.synthetic_runs import write_run

CELLS, SEEDS, METRICS, EVALUATIONS = 10, 50, 20, 50


def timed(name: str, limit: str, work: Callable[[], str]) -> None:
    """Run, and print a row of the table."""
    wall, cpu = time.perf_counter(), _cpu()
    told = work()
    print(f"| {name} | {time.perf_counter() - wall:.1f} s, {_cpu() - cpu:.1f} s of CPU{told} | {limit} |", flush=True)


def _cpu() -> float:
    """Seconds of CPU of this process and of the children that have ended."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def many_seeds(root: Path) -> None:
    """Runs of ``CELLS`` methods with ``SEEDS`` seeds each, and a full table of measurements."""
    rng = np.random.default_rng(0)
    names = ["modes", "high_quality", "reverse_kl", *(f"loss/p{i}" for i in range(METRICS - 3))]
    for cell in range(CELLS):
        folder = write_run(root, f"v{cell}", [float(s % 9) for s in range(SEEDS)], arrays=False)
        rows = [
            f"{seed},{8 * r}," + ",".join(map(repr, rng.normal(size=METRICS).tolist()))
            for r in range(1, EVALUATIONS + 1)
            for seed in range(SEEDS)
        ]
        (folder / "metrics.csv").write_text("\n".join([f"seed,round,{','.join(names)}", *rows]) + "\n")


def tracking(root: Path) -> None:
    from zoo import tracking
    from zoo.runs import rundir

    many_seeds(root)
    tracking.client(root).search_experiments()  # the import, and the tables of a new file

    def work() -> str:
        for folder in rundir.find([root]):
            tracking.log_run(folder, root)
        return ""

    timed(f"tracking {CELLS * SEEDS} seeds x {METRICS} metrics x {EVALUATIONS} evaluations", "60 s", work)


def ui(root: Path) -> None:
    from zoo import tracking

    if not (root / "mlflow.db").exists():
        tracking.log_run(write_run(root, "ns", [3, 4], name="ui", arrays=False), root)

    def work() -> str:
        command = [sys.executable, "-u", "-m", "zoo", "ui", str(root), "--no-open"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            page = next(line for line in process.stdout if line.startswith("  ")).split()[1].partition("/#")[0]
            with urllib.request.urlopen(page, timeout=60) as answer:
                assert answer.status == 200
            memory = sum(map(_resident, _family(process.pid))) / 2**20
            process.send_signal(2)
        return f"; {memory:.0f} MB in all its processes"

    timed("`zoo ui` to its page", "12 s, 600 MB", work)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(p for child in children for p in _family(int(child)))]


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def compare(root: Path) -> None:
    from zoo.looking.compare import compare
    from zoo.looking.tables import render

    modes = np.random.default_rng(0).integers(0, 9, (500, 8)).astype(float)
    for i, row in enumerate(modes):
        write_run(root, f"v{i % 25}", row.tolist(), options={"k": i // 25}, name=f"r{i}", arrays=False)
    timed("`zoo compare` over 500 run directories, after imports", "3 s", lambda: render(compare([root]), "md")[:0])


def report(root: Path) -> None:
    from zoo.looking.report import write_report

    modes = np.random.default_rng(0).integers(0, 9, (12, 32)).astype(float)
    for i, row in enumerate(modes):
        write_run(root, f"v{i}", row.tolist(), judged=1)

    def work() -> str:
        return f"; {write_report([root], root / 'report.html').stat().st_size / 1e6:.1f} MB"

    timed("report over 12 variants x 32 seeds, landscapes included", "30 s, 15 MB", work)


def main(names: list[str]) -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n\n| what | measured | to reach |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, work in (("tracking", tracking), ("ui", ui), ("compare", compare), ("report", report)):
            if not names or name in names:
                work(Path(folder) / ("tracking" if name == "ui" else name))


if __name__ == "__main__":
    main(sys.argv[1:])
