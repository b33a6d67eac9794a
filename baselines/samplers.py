"""Reference samplers: what a perfect, a memorising, a collapsed and a useless generator would score.

Each is a function ``sampler(data, n, generator=None) -> [n, *data.shape]``; without a generator it draws the same
samples every time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import toy_data
from zoo.errors import ZooError
from zoo.metrics.likelihood import kde

Sampler = Callable[..., Tensor]
JITTER = 0.05
"""Of the jittered memoriser: the noise's share of the data's standard deviation."""
_BLOCK, _LOOKS = 4096, 16


def _generator(data: toy_data.Data, generator: torch.Generator | None, seed: int) -> torch.Generator:
    return generator if generator is not None else torch.Generator(data.mean.device).manual_seed(seed)


def training_set(data: toy_data.Data, n: int) -> Tensor:
    """The training samples ``[n, *shape]`` that the memoriser knows by heart and that metrics take for the data.

    Of data without end they are fresh draws, which may repeat (of 10,000 stacked digits 9,617 differ); of a finite set all different, and
    fewer than n where a few draws for each hold no more.
    """
    g = _generator(data, None, 101)
    x = data.sample(n, g)
    if data.n_held_out is None:
        return x  # fresh draws
    pool = torch.cat([x, data.sample(3 * n, g)]).unique(dim=0)
    return pool[torch.randperm(len(pool), generator=g, device=pool.device)[:n]]


def held_out(data: toy_data.Data, n: int, generator: torch.Generator | None = None) -> Tensor:
    """A perfect sampler: samples never trained on. Training samples where a data set is too small to hold any out."""
    g = _generator(data, generator, 103)
    return data.sample(n, g) if data.n_held_out == 0 else data.held_out(n, g)


def memoriser(data: toy_data.Data, n: int, generator: torch.Generator | None = None) -> Tensor:
    """The training points again, bit for bit: perfect on every metric that does not look for copies."""
    if generator is not None:
        return data.sample(n, generator)
    known = training_set(data, n)
    return known[torch.arange(n, device=known.device) % len(known)]


def jittered(data: toy_data.Data, n: int, generator: torch.Generator | None = None) -> Tensor:
    """The memoriser, moved by noise of ``JITTER`` standard deviations of the data, inside its range of values."""
    g = _generator(data, generator, 107)
    x = memoriser(data, n, generator)
    x = x + JITTER * data.std * torch.randn(x.shape, generator=g, device=x.device)
    return x if data.value_range is None else x.clamp(*data.value_range)


def one_mode(data: toy_data.Data, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Only the heaviest mode; where no modes are known, one training sample n times."""
    g = _generator(data, generator, 109)
    if data.weights is None:
        return data.sample(1, g).expand(n, *data.shape).clone()
    return _of_modes(data, n, data.weights.argmax()[None], g)


def half_the_modes(data: toy_data.Data, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Only the first half of the modes, in the data's own proportions. Raises ``ZooError`` where no modes are known."""
    if data.weights is None:
        raise ZooError(f"'{data.name}' has no known modes to take half of.")
    kept = torch.arange(max(1, len(data.weights) // 2), device=data.weights.device)
    return _of_modes(data, n, kept, _generator(data, generator, 113))


def noise(data: toy_data.Data, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Uniform noise over the data's range (of points: the box of 4096 training samples)."""
    g = _generator(data, generator, 127)
    if data.value_range is not None:
        low, high = (torch.full(data.shape, v, device=data.mean.device) for v in data.value_range)
    else:
        box = data.sample(_BLOCK, _generator(data, None, 131))
        low, high = box.amin(0), box.amax(0)
    return low + (high - low) * torch.rand(n, *data.shape, generator=g, device=data.mean.device)


def kde_fit(data: toy_data.Data, n: int, generator: torch.Generator | None = None) -> Tensor:
    """A Gaussian kernel density of up to 2,000 training samples, bandwidth chosen on held-out ones: training alone, smoothed."""
    g = _generator(data, generator, 137)
    known = training_set(data, min(n, 2000))
    h = float(kde(known[None], held_out(data, min(len(known), 1000)))["bandwidth"])
    x = known[torch.randint(len(known), (n,), generator=g, device=known.device)]
    x = x + h * torch.randn(x.shape, generator=g, device=x.device)
    return x if data.value_range is None else x.clamp(*data.value_range)


def _of_modes(data: toy_data.Data, n: int, kept: Tensor, generator: torch.Generator) -> Tensor:
    """Draws of some modes only, by rejection; of a rare mode those that 65,536 draws hold, again and again."""
    parts: list[Tensor] = []
    for _ in range(_LOOKS):
        x, y = data.sample_labelled(_BLOCK, generator)
        parts.append(x[torch.isin(y, kept)])
        if sum(map(len, parts)) >= n:
            break
    pool = torch.cat(parts)
    if not len(pool):
        raise ZooError(f"{_LOOKS * _BLOCK} draws of '{data.name}' hold no sample of the mode to collapse onto.")
    return pool[torch.arange(n, device=pool.device) % len(pool)]


SAMPLERS: dict[str, Sampler] = {
    "data": held_out,
    "memoriser": memoriser,
    "jittered": jittered,
    "half": half_the_modes,
    "collapsed": one_mode,
    "noise": noise,
    "kde": kde_fit,
}

REFERENCE: dict[str, Sampler] = {name: SAMPLERS[name] for name in ("data", "collapsed", "noise")}
"""What stands beside every result: the data itself, held out; one mode only, which is all quality and no coverage; noise, which is the reverse."""
