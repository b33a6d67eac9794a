"""An assertion for anybody's generator: does it cover the modes? Used by the pytest plugin, and without pytest alike.

from zoo.evaluation.checks import mode_coverage
mode_coverage(lambda n, seed: train(seed).sample(n), data="grid", at_least=0.9, seeds=8)
"""

from __future__ import annotations

import inspect
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from types import TracebackType
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError

if TYPE_CHECKING:
    from torch import Tensor

    from toy_data import Data
    from zoo.metrics.modes import Protocol

BARS = " ▁▂▃▄▅▆▇█"
LINE = 64
"""Modes that fit in one line of a histogram."""


@dataclass(frozen=True)
class Coverage:
    """What was found: modes covered and high-quality share (NaN but for mixtures) per seed, the interval of the share of modes covered, and the
    histogram ``[S, K]``."""

    data: str
    protocol: str
    samples: int
    modes: tuple[int, ...]
    total: int
    high_quality: tuple[float, ...]
    interval: tuple[float, float]
    confidence: float
    histogram: tuple[tuple[int, ...], ...]
    covered: tuple[tuple[bool, ...], ...]
    places: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def share(self) -> float:
        """The share of modes covered, averaged over seeds."""
        return sum(self.modes) / self.total / len(self.modes)

    @property
    def missing(self) -> dict[int, int]:
        """Mode to the number of seeds that miss it, the most missed first."""
        lost = {k: sum(not seed[k] for seed in self.covered) for k in range(self.total)}
        return dict(sorted(((k, n) for k, n in lost.items() if n), key=lambda pair: -pair[1]))

    def __str__(self) -> str:
        n = len(self.modes)
        said = f"covers {100 * self.share:.1f} % of the {self.total} modes of {self.data}"
        if n > 1:
            low, high = self.interval
            said += f", {100 * self.confidence:g} % interval {100 * low:.1f} to {100 * high:.1f} % over {n} seeds"
        lines = [f"{said} ({self.samples} samples a seed, protocol {self.protocol})"]
        if self.missing:
            worst = list(self.missing.items())
            told = [f"{k} at {self.places[k]}" + (f" in {m} of {n}" if n > 1 else "") for k, m in worst[:8]]
            more = f", and {len(worst) - 8} more" if len(worst) > 8 else ""
            lines.append(f"missing modes: {'; '.join(told)}{more}")
        lines.append("samples per mode (of a mixture: high-quality ones), each seed's largest as a full bar:")
        for seed, covered, share, counts in zip(self.seeds, self.modes, self.high_quality, self.histogram, strict=True):
            name = f"seed {seed}: " if n > 1 else ""
            quality = "" if math.isnan(share) else f", high quality {100 * share:.0f} %"
            lines.append(f"  {name}{covered} of {self.total}{quality}  |{bars(counts)}|")
        return "\n".join(lines)


def bars(counts: Sequence[int]) -> str:
    """Counts as a line of bars; a mode with none stays blank. Past ``LINE`` modes, neighbours share a bar."""
    size = math.ceil(len(counts) / LINE)
    sums = [sum(counts[i : i + size]) for i in range(0, len(counts), size)]
    top = max(sums) or 1
    return "".join(BARS[0] if s == 0 else BARS[max(1, round(s / top * (len(BARS) - 1)))] for s in sums)


def mode_coverage(
    samples: Any,
    data: str | Data = "grid",
    at_least: float = 0.9,
    confidence: float = 0.95,
    *,
    high_quality: float = 0.0,
    protocol: str | Protocol | None = None,
    seeds: int | Sequence[int] | None = None,
    heard: Callable[[Coverage], None] = lambda found: None,
) -> Coverage:
    """Assert that a generator covers at least this share of the modes; returns what was found.

    Args:
        samples: ``[N, d]`` of one generator, ``[S, N, d]`` of S seeds (tensor or array), or a sampler: called as ``sampler(n)``, or, when
            ``seeds`` are given, as ``sampler(n, seed)`` for each, to return ``[n, d]``.
        data: a mixture, or images that a judge tells apart, by name (``zoo list datasets``), ``.npz`` path, or itself.
        at_least: share of the modes. With two seeds or more, the lower end of the bootstrap interval over seeds must reach it; one generator's
            covered modes are simply counted, since a mode that was hit is covered.
        confidence: of that interval.
        high_quality: share of high-quality samples that every seed must reach; of mixtures only, since a judge gives every image a class, and
            labelled points every sample a label.
        protocol: how samples are counted, by name or itself; else as published numbers on this data count them.
        seeds: how many (0 to n - 1), or which.
        heard: called with what was found, before it is judged.

    Raises:
        AssertionError: with the modes that are missing, a histogram of each seed, and the interval.
        ZooError: for data without known modes, samples of another shape, or a share outside [0, 1].
    """
    __tracebackhide__ = True  # pytest shows the sentence, not this source
    for name, value in (("at_least", at_least), ("confidence", confidence), ("high_quality", high_quality)):
        if not 0 <= value <= 1:
            raise ZooError(f"{name} is a share between 0 and 1, not {value}.")
    try:
        found = measure(samples, data, protocol, seeds, confidence)
    except ZooError as error:
        if _all_ours(error.__traceback__):
            raise error.with_traceback(None) from None  # what raised it is our source too
        raise
    heard(found)
    if high_quality and any(map(math.isnan, found.high_quality)):
        raise ZooError(
            f"high_quality is for mixtures: a sample of '{found.data}' always has a mode, however far from it."
        )
    few = [s for s, share in zip(found.seeds, found.high_quality, strict=True) if share < high_quality]
    reached = found.interval[0] if len(found.modes) > 1 else found.share
    if reached < at_least:
        what = (
            f"the {100 * confidence:g} % interval's lower end" if len(found.modes) > 1 else "the share of modes covered"
        )
        raise AssertionError(f"{what}, {reached:.3f}, is below {at_least:g}: the generator {found}")
    if few:
        told = f"is below {high_quality:g}"
        if len(found.modes) == 1:
            raise AssertionError(f"the high-quality share, {found.high_quality[0]:.3f}, {told}: the generator {found}")
        of = dict(zip(found.seeds, found.high_quality, strict=True))
        where = ", ".join(f"{seed} ({of[seed]:.3f})" for seed in few)
        raise AssertionError(f"the high-quality share {told} in seeds {where}: the generator {found}")
    return found


def _all_ours(trace: TracebackType | None) -> bool:
    """Whether all that was at work is the zoo's: no sampler, or data set, of the user's."""
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").split(".")[0] not in ("zoo", "toy_data", "baselines"):
            return False
        trace = trace.tb_next
    return True


def measure(
    samples: Any,
    data: str | Data = "grid",
    protocol: str | Protocol | None = None,
    seeds: int | Sequence[int] | None = None,
    confidence: float = 0.95,
) -> Coverage:
    """What ``mode_coverage`` asserts on, without asserting."""
    import torch

    import toy_data
    from zoo.ambient import undisturbed
    from zoo.evaluation.evaluate import protocol_named
    from zoo.metrics import modes as metric
    from zoo.statistics import bootstrap

    every = range(int(seeds)) if isinstance(seeds, int | Integral) else seeds  # NumPy's numbers too
    which = None if every is None else list(map(int, every))
    if which == []:
        raise ZooError(f"seeds is their number, at least 1, or a list of them, such as [3, 5], not {seeds}.")
    with undisturbed():
        data = toy_data.load(data) if isinstance(data, str) else data
        protocol = protocol if isinstance(protocol, metric.Protocol) else protocol_named(protocol, data)
        count, places = _counter(data, protocol)
    drawn = _draw(samples, protocol.samples, which, data)
    with undisturbed():
        counts = count(drawn)
    high = (
        counts.sum(1) / drawn.shape[1] if isinstance(data, toy_data.Mixture) else torch.full((len(counts),), math.nan)
    )
    covered = counts >= protocol.hits
    share = covered.double().mean(1).numpy()
    return Coverage(
        data=data.name,
        protocol=protocol.name,
        samples=drawn.shape[1],
        modes=tuple(int(c) for c in covered.sum(1)),
        total=counts.shape[1],
        high_quality=tuple(high.tolist()),
        interval=bootstrap(share, confidence=confidence) if len(share) > 1 else (float(share[0]), float(share[0])),
        confidence=confidence,
        histogram=tuple(tuple(row) for row in counts.tolist()),
        covered=tuple(tuple(row) for row in covered.tolist()),
        places=tuple(places),
        seeds=tuple(which or range(len(drawn))),
    )


def _counter(data: Data, protocol: Protocol) -> tuple[Callable[[Tensor], Tensor], list[str]]:
    """What counts the samples ``[S, N, *data]`` of each mode ``[S, K]``, and where the modes are, in words."""
    import toy_data
    from zoo.evaluation.scoring import awaits_judge
    from zoo.evaluation.setting import Setting, Subject, tells_modes
    from zoo.metrics.modes import count

    if data.weights is None or not tells_modes(data):
        raise ZooError(
            f"'{data.name}' has no known modes to count; use a mixture, such as ring or grid, or what has labels."
        )
    if awaits_judge(data):
        raise ZooError(
            f"The judge of '{data.name}' is not trained yet; train it once (minutes): "
            f"zoo judge --data {shlex.quote(data.source or data.name)}"
        )
    setting, kinds = Setting(data, protocol, protocol.samples), len(data.weights)

    def counted(drawn: Tensor) -> Tensor:
        modes, high = Subject(setting, drawn).assigned
        return count(modes, kinds, high)

    if isinstance(data, toy_data.Mixture):
        return counted, _places(data.centres)
    if isinstance(data, toy_data.Images):
        return counted, [f"class {called}" for called in data.classes]
    return counted, [f"label {k}" for k in range(kinds)]


def _draw(samples: Any, n: int, seeds: list[int] | None, data: Data) -> Tensor:
    """``[S, N, d]`` from an array or a sampler; what `zoo eval` would refuse (NaN, too few, another shape) is refused here alike."""
    import torch

    from zoo.evaluation import foreign

    if not callable(samples) or isinstance(samples, torch.Tensor):
        drawn = _tensor(samples)
        if seeds is not None:
            raise ZooError("seeds are for a sampler; samples [S, N, d] of S seeds carry their own.")
    elif seeds is None:
        drawn = _tensor(_called(samples, n))
    else:
        drawn = torch.stack([_tensor(_called(samples, n, seed)) for seed in seeds])
    return foreign.checked(drawn, data)


def _called(sampler: Callable[..., Any], *given: int) -> Any:
    """What the sampler returns; its arguments are looked at first, so that an error of its own stays its own."""
    try:
        taken = inspect.signature(sampler)
    except ValueError:  # what is not written in Python may have none
        return sampler(*given)
    try:
        taken.bind(*given)
    except TypeError as error:
        way = "sampler(n)" if len(given) == 1 else "sampler(n, seed)"
        raise ZooError(f"The sampler is called as {way} and returns [n, d]; yours takes {taken}.") from error
    return sampler(*given)


def _tensor(samples: Any) -> Tensor:
    import torch

    from zoo.evaluation import foreign

    try:
        tensor = torch.as_tensor(samples).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        kind = type(samples).__name__
        raise ZooError(f"Samples are an array or a tensor of numbers, not an object of type {kind}.") from error
    return foreign.single("The array", tensor)


def _places(centres: Tensor) -> list[str]:
    """Modes' centres ``[K, d]`` in words; only the first coordinates of long ones, and 0 for what rounding left of it."""
    least, more = 1e-9 * float(centres.abs().max()), ", ..." * (centres.shape[1] > 3)
    near = centres[:, :3].where(centres[:, :3].abs() > least, 0.0)
    return [f"({', '.join(f'{c:.3g}' for c in centre)}{more})" for centre in near.tolist()]
