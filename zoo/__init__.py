"""The mode-collapse zoo: GAN variants in one harness, many seeds side by side, judged by mode coverage.

    import zoo
    result = zoo.run("unrolled", data="ring", k=5, seeds=8)

Importing this package imports nothing heavy; names are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toy_data.registry import dataset
    from zoo.api.comparing import Compared, compare
    from zoo.api.results import Evaluation, Result
    from zoo.api.running import evaluate, open_run, run
    from zoo.api.sweeping import Swept, sweep
    from zoo.api.tuning import Tuned, tune
    from zoo.errors import ZooError
    from zoo.extending.contract import check
    from zoo.extending.plugins import load_file
    from zoo.game import Batch, Nets, Player
    from zoo.metrics.spec import metric
    from zoo.variant import GAN, Opt, Variant, register

_HOME = {
    "run": "zoo.api.running",
    "open_run": "zoo.api.running",
    "evaluate": "zoo.api.running",
    "sweep": "zoo.api.sweeping",
    "tune": "zoo.api.tuning",
    "compare": "zoo.api.comparing",
    "Result": "zoo.api.results",
    "Evaluation": "zoo.api.results",
    "Swept": "zoo.api.sweeping",
    "Tuned": "zoo.api.tuning",
    "Compared": "zoo.api.comparing",
    "ZooError": "zoo.errors",
    "Batch": "zoo.game",
    "Nets": "zoo.game",
    "Player": "zoo.game",
    "GAN": "zoo.variant",
    "Opt": "zoo.variant",
    "Variant": "zoo.variant",
    "register": "zoo.variant",
    "dataset": "toy_data.registry",
    "metric": "zoo.metrics.spec",
    "check": "zoo.extending.contract",
    "load_file": "zoo.extending.plugins",
}
__all__ = [
    "GAN",
    "Batch",
    "Compared",
    "Evaluation",
    "Nets",
    "Opt",
    "Player",
    "Result",
    "Swept",
    "Tuned",
    "Variant",
    "ZooError",
    "check",
    "compare",
    "dataset",
    "evaluate",
    "load_file",
    "metric",
    "open_run",
    "register",
    "run",
    "sweep",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """What Tab offers in a notebook, before any of it is loaded."""
    return sorted({*globals(), *__all__})
