"""What evaluating, checkpointing and tracking cost beside training, in CPU time of a default run: ``python -m benchmarks.overhead``."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo import tracking
from zoo.runs import pictures, session
from zoo.runs.cell import plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", default="unrolled")
    parser.add_argument("--rounds", type=int, default=None)
    args = parser.parse_args()
    spent: Counter[str] = Counter()

    @contextmanager
    def clocked(what: str) -> Iterator[None]:
        started = time.process_time()
        yield
        spent[what] += time.process_time() - started

    def under(what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            with clocked(what):
                return call(*given)

        return timed

    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        run = session.start(
            plan(args.variant, changes={"rounds": args.rounds} if args.rounds else {}), out=root / "run"
        )
        run.training._record = under("evaluation", run.training._record)  # type: ignore[method-assign]
        run.save = under("checkpoints", run.save)  # type: ignore[method-assign]
        run.train(under("pictures", pictures.draw))
        with clocked("MLflow, its import and a new database included"):
            tracking.log_run(root / "run", root)
        training = run.training.cpu_seconds
    print(
        f"{args.variant}, {run.cell.recipe.rounds:,} rounds, {len(run.cell.seeds)} seeds: training {training:.1f} CPU s"
    )
    for what, seconds in spent.items():
        print(f"  {what}: {seconds:.2f} CPU s, {seconds / training:.1%} of training")


if __name__ == "__main__":
    main()
