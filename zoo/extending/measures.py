"""Metrics that are not the zoo's: what packages, files and notebooks bring, tried before they are trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from toy_data.plugins import PluginError, installed
from zoo.errors import ZooError, kind_and_line
from zoo.extending.plugins import METRICS
from zoo.metrics import spec

if TYPE_CHECKING:
    from torch import Tensor

    from toy_data import Data

Measure: TypeAlias = "Callable[[Tensor, Data], Tensor]"


def metrics() -> tuple[dict[str, Measure], dict[str, str]]:
    """Metrics by name, and a sentence for each that cannot be used."""
    plugins, refused = installed(METRICS, frozenset(spec.BY_NAME))
    good: dict[str, Measure] = dict(spec.HERE)
    for name, plugin in plugins.items():
        try:
            found = plugin.load()
            if not callable(found):
                raise plugin.error(f"it is {found!r}, not a function (samples, data) -> [S].")
            spec.direction(name, found)
            good.setdefault(name, found)
        except (PluginError, ZooError) as error:
            refused = refused | {name: str(error)}
    return good, refused


def tried(name: str, metric: Measure, data: Data) -> str:
    """Why a metric cannot be had for this data: what goes wrong on a few of its samples of two seeds; '' when nothing does."""
    import torch

    samples = data.sample(128, torch.Generator(data.mean.device).manual_seed(0)).reshape(2, 64, *data.shape)
    try:
        values = metric(samples, data)
    except Exception as error:
        return f"The plugin '{name}' cannot score '{data.name}': {kind_and_line(error)}"
    if not isinstance(values, torch.Tensor) or values.shape != (2,):
        told = f"of shape {list(values.shape)}" if isinstance(values, torch.Tensor) else type(values).__name__
        return f"The plugin '{name}' gives {told} for 2 seeds, not a tensor [2]."
    return ""


def measure(metric: Measure, samples: Tensor, data: Data) -> Tensor:
    """A metric of ``samples [S, N, *data]``: ``[S]``, NaN where it fails (a long run goes on)."""
    import torch

    try:
        return metric(samples, data).float()
    except Exception:
        return torch.full((len(samples),), torch.nan)
