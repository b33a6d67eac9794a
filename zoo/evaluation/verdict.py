"""The verdict: what happened to each seed, in words, by rules that are stated here and nowhere else.

A *perfect* sampler is the data itself, held out, counted under the same protocol. For each seed:

    diverged    a sample, or the training, is not finite: nothing else is said
    dropped     a mode has fewer HQ samples than the protocol's hits, where a perfect sampler would have fewer with a
                chance below 0.01 / K; or fewer modes are covered than a perfect sampler covers, by 4 standard deviations
    oscillates  in the second half of the run, at 2 or more evaluations and at least a quarter of them, a mode has no HQ
                sample that had 10 or more at the evaluation before
    uneven      over the covered modes, KL(samples || data) is above 0.1 nats and 3 times its sampling floor (K - 1) / 2N
    scattered   the HQ share is below 0.9 of the perfect sampler's, and by 3 standard errors
    narrow      the HQ share is above the perfect sampler's by 2 standard errors (or no HQ threshold exists, as for images),
                and the variance within modes is below half of the data's
    memorises   1-NN accuracy against the training data is lower than against held-out data by 0.1 and 3 standard errors

A seed without a fault covers all modes, or as many as so few samples of a perfect sampler do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from zoo.evaluation.wording import Verdict
from zoo.metrics.modes import Protocol, count, divergences
from zoo.metrics.over_time import lost, overfit

Assign = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Samples ``[S, N, *shape]`` to their modes ``[S, N]`` (-1: none) and whether they are high quality ``[S, N]``."""
Fault: TypeAlias = tuple[str, str]
"""A name of ``FAULTS``, and what is told of it, as ``wording`` takes it."""

FAULTS = ("diverged", "dropped", "oscillates", "uneven", "scattered", "narrow", "memorises")
_PIECE = 4096
"""Samples that are looked at together: those of a seed, as images, are a quarter of a gigabyte, and every temporary as much again."""
_NAMED = 10  # modes listed by number: of more missing ones, those that are not missing, or only the count


@dataclass(frozen=True)
class Evidence:
    """What a verdict looks at.

    ``samples [S, N, *shape]``; ``perfect [M, *shape]`` data held out; ``assign`` and ``weights [K]`` where modes are known;
    ``counts [R, S, K]`` HQ samples per mode at each evaluation; ``train [T, *shape]`` the training data, where it is finite;
    ``called [K]`` what the modes are called, where not by their numbers.
    """

    samples: Tensor
    perfect: Tensor
    protocol: Protocol
    assign: Assign | None = None
    weights: Tensor | None = None
    counts: Tensor | None = None
    train: Tensor | None = None
    called: Sequence[str] | None = None


def verdicts(evidence: Evidence, seeds: Sequence[int], diverged: Sequence[int] = ()) -> list[Verdict]:
    """The verdict of every seed, in the order of ``samples``."""
    e = evidence
    finite = [all(bool(part.isfinite().all()) for part in one.split(_PIECE)) for one in e.samples]
    found: dict[int, list[Fault]] = {i: [] for i, seed in enumerate(seeds) if finite[i] and seed not in diverged}
    covered: dict[int, str] = {}
    if found and e.assign is not None and e.weights is not None:
        covered = _of_modes(e, e.assign, e.weights.to(e.samples.device), found)
    if found and e.train is not None:
        _memorises(e, e.train, found)
    out = []
    for i, seed in enumerate(seeds):
        faults = dict(found.get(i, [("diverged", "diverged: $its_samples or $its losses are not finite")]))
        names = tuple(sorted(faults, key=FAULTS.index))
        told = [faults[name] for name in names]
        if not {"diverged", "dropped"} & {*names}:
            told.insert(0, covered.get(i, "no fault found (the data has no known modes)"))
        out.append(Verdict(seed, names, tuple(told)))
    return out


@dataclass(frozen=True)
class Reached:
    """How the samples of one generator lie on ``K`` modes."""

    hits: Tensor
    """HQ samples of each mode ``[K]``."""
    covered: Tensor
    """Whether they are as many as the protocol asks for ``[K]``."""
    share: float
    """Of the samples, those that are HQ."""
    within: float
    """Variance within modes; NaN without HQ samples."""

    @property
    def modes(self) -> int:
        """How many are covered."""
        return int(self.covered.sum())

    @property
    def nowhere(self) -> bool:
        """Whether no sample lies on a mode."""
        return not self.hits.any()


@dataclass(frozen=True)
class Perfect:
    """What a perfect sampler makes of ``n`` samples under the same protocol."""

    n: int
    share: float
    within: float
    missed: Tensor
    """The chance that a mode is not covered ``[K]``."""

    @property
    def modes(self) -> float:
        """How many it covers on average."""
        return float((1 - self.missed).sum())

    @property
    def spread(self) -> float:
        """Standard deviation of how many it covers."""
        return float((self.missed * (1 - self.missed)).sum()) ** 0.5

    @property
    def error(self) -> float:
        """Standard error of the share."""
        return math.sqrt(self.share * (1 - self.share) / self.n)


def _of_modes(e: Evidence, assign: Assign, weights: Tensor, found: dict[int, list[Fault]]) -> dict[int, str]:
    """Add each seed's faults on the modes to ``found``; what each covers, in words."""
    n, k = e.samples.shape[1], len(weights)
    data = _reached(e.perfect, assign, e.protocol, k)
    perfect = Perfect(n, data.share, data.within, _missed(weights, data.share, n, e.protocol.hits))
    called = [name.replace("$", "$$") for name in e.called or map(str, range(k))]
    told = {}
    for i, faults in found.items():
        it = _reached(e.samples[i], assign, e.protocol, k)
        told[i] = _covers(it, perfect)
        faults += [
            *_dropped(it, perfect, called),
            *_uneven(it, weights),
            *_scattered(it, perfect),
            *_narrow(it, perfect),
        ]
        if e.counts is not None:
            faults += _oscillates(e.counts[:, i])
    return told


def _reached(samples: Tensor, assign: Assign, protocol: Protocol, k: int) -> Reached:
    """How ``samples [N, *shape]`` lie on the modes."""
    modes, high = assign(samples[None])
    (hits,) = count(modes, k, high)
    return Reached(hits, hits >= protocol.hits, float(high.double().mean()), _within(samples, modes[0], high[0], k))


def _covers(it: Reached, perfect: Perfect) -> str:
    k = len(it.hits)
    if it.modes == k:
        return f"$covers all {k} modes"
    usual = f"about what {perfect.n:,} samples of a perfect sampler cover ({perfect.modes:.0f} on average)"
    return f"$covers {it.modes} of {k} modes, {usual}"


def _dropped(it: Reached, perfect: Perfect, called: Sequence[str]) -> Iterator[Fault]:
    k = len(it.hits)
    missing = (~it.covered & (perfect.missed < 0.01 / k)).nonzero()[:, 0].tolist()
    few = it.modes < perfect.modes - 4 * perfect.spread - 0.5
    if it.nowhere and (missing or few):
        yield "dropped", f"no sample lies on any of the {k} modes"
    elif len(missing) == k:
        yield "dropped", f"$dropped all {k} modes"
    elif missing:
        yield "dropped", f"$dropped {len(missing)} of {k} modes{_which(missing, called)}"
    elif few:
        usual = f"where a perfect sampler covers {perfect.modes:.0f} with {perfect.n:,} samples"
        yield "dropped", f"$covers {it.modes} of {k} modes, {usual}"


def _uneven(it: Reached, weights: Tensor) -> Iterator[Fault]:
    if it.modes < 2:
        return
    kl = float(divergences(it.hits[None, it.covered], weights[it.covered])["reverse_kl"])
    if kl > max(0.1, 3 * (it.modes - 1) / (2 * max(1, int(it.hits.sum())))):
        yield "uneven", f"$covers $its modes unevenly (KL {kl:.2f} nats over the covered modes)"


def _scattered(it: Reached, perfect: Perfect) -> Iterator[Fault]:
    if not it.nowhere and it.share < min(0.9 * perfect.share, perfect.share - 3 * perfect.error):
        told = f"{100 * it.share:.1f} % of $its_samples are high quality, {100 * perfect.share:.1f} % of the data's"
        yield "scattered", f"$scatters: {told}"


def _narrow(it: Reached, perfect: Perfect) -> Iterator[Fault]:
    ratio = it.within / perfect.within if perfect.within else math.nan  # float32 may hold only centres
    told = f"$modes_are too narrow: {ratio:.2g} of the data's variance within modes"
    if ratio < 0.5 and perfect.share == 1:
        yield "narrow", told
    elif ratio < 0.5 and it.share > perfect.share + 2 * perfect.error:
        share = f"{100 * it.share:.1f} % high quality where the data has {100 * perfect.share:.1f} %"
        yield "narrow", f"{told}, {share}"


def _which(missing: list[int], called: Sequence[str]) -> str:
    """The modes that are missing, or those that are not, where either are few."""
    if len(missing) <= _NAMED:
        return f" ({', '.join(called[i] for i in missing)})"
    absent = {*missing}
    rest = [name for i, name in enumerate(called) if i not in absent]
    return f" (all but {', '.join(rest)})" if 0 < len(rest) <= _NAMED else ""


def _missed(weights: Tensor, share: float, n: int, hits: int) -> Tensor:
    """The chance that a perfect sampler, of whose samples ``share`` are HQ, has fewer than ``hits`` of n in a mode. ``[K]``"""
    from scipy.stats import binom

    chance = binom.cdf(hits - 1, n, share * (weights.double() / weights.double().sum()).cpu().numpy())
    return torch.as_tensor(chance).to(weights.device)


def _within(x: Tensor, modes: Tensor, high: Tensor, k: int) -> float:
    """Pooled variance of HQ samples ``[N, *shape]`` around their own mode's mean, summed over coordinates; NaN for none."""
    keep = high & (modes >= 0)
    label = modes[keep]
    pieces = list(zip(keep.nonzero()[:, 0].split(_PIECE), label.split(_PIECE), strict=True))
    sizes = torch.bincount(label, minlength=k).double()
    sums = torch.zeros(k, x[0].numel(), dtype=torch.float64, device=x.device)
    for rows, where in pieces:
        sums.index_add_(0, where, x[rows].flatten(1).double())
    means = sums / sizes.clamp_min(1)[:, None]
    spread = sum(float((x[rows].flatten(1).double() - means[where]).square().sum()) for rows, where in pieces)
    degrees = float((sizes - 1).clamp_min(0).sum())
    return spread / degrees if degrees else math.nan


def _oscillates(counts: Tensor) -> Iterator[Fault]:
    gone = lost(counts[len(counts) // 2 :, None]).any(-1)
    times, steps = int(gone.sum()), len(gone)
    if times >= 2 and times >= steps / 4:
        yield "oscillates", f"$oscillates: lost modes at {times} of $its last {steps} evaluations"


def _memorises(e: Evidence, train: Tensor, found: dict[int, list[Fault]]) -> None:
    """Add to ``found`` which seeds lie nearer to the training data than to data held out."""
    x = e.samples if len(found) == len(e.samples) else e.samples[[*found]]
    n = min(x.shape[1], len(train), len(e.perfect))
    for i, gap in zip(found, overfit(x, train, e.perfect)["overfit_one_nn"].tolist(), strict=True):
        if gap > max(0.1, 3 * 0.5 / math.sqrt(n)):  # each accuracy has 0.5 / sqrt 2n, their difference 0.5 / sqrt n
            told = f"$its 1-NN accuracy is {gap:.2f} lower against training than against held-out data"
            found[i].append(("memorises", f"$memorises: {told}"))
