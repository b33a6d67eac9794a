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
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.metrics.modes import Protocol, count, divergences
from zoo.metrics.over_time import lost, overfit

Assign = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Samples ``[S, N, *shape]`` to their modes ``[S, N]`` (-1: none) and whether they are high quality ``[S, N]``."""

FAULTS = ("diverged", "dropped", "oscillates", "uneven", "scattered", "narrow", "memorises")
_PIECE = 4096
"""Samples that are looked at together: those of a seed, as images, are a quarter of a gigabyte, and every temporary as much again."""
_NAMED = 10  # modes listed by number: of more missing ones, those that are not missing, or only the count


@dataclass(frozen=True)
class Verdict:
    """One seed's faults (names from ``FAULTS``, in order) and a sentence that tells them with their numbers."""

    seed: int
    faults: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What a verdict looks at.

    ``samples [S, N, *shape]``; ``perfect [M, *shape]`` data held out; ``assign`` and ``weights [K]`` where modes are known;
    ``counts [R, S, K]`` HQ samples per mode at each evaluation; ``train [T, *shape]`` the training data, where it is finite.
    """

    samples: Tensor
    perfect: Tensor
    protocol: Protocol
    assign: Assign | None = None
    weights: Tensor | None = None
    counts: Tensor | None = None
    train: Tensor | None = None


def verdicts(evidence: Evidence, seeds: Sequence[int], diverged: Sequence[int] = ()) -> list[Verdict]:
    """The verdict of every seed, in the order of ``samples``."""
    e = evidence
    finite = [all(bool(part.isfinite().all()) for part in one.split(_PIECE)) for one in e.samples]
    alive = [i for i, seed in enumerate(seeds) if finite[i] and seed not in diverged]
    found: dict[int, list[tuple[str, str]]] = {i: [] for i in alive}
    covered: dict[int, str] = {}
    if alive:
        x = e.samples if len(alive) == len(e.samples) else e.samples[alive]
        if e.assign is not None and e.weights is not None:
            covered = _of_modes(e, x, alive, found)
        if e.train is not None:
            _memorises(x, e.train, e.perfect, alive, found)
    out = []
    for i, seed in enumerate(seeds):
        faults = found.get(i, [("diverged", "diverged: its samples or its losses are not finite")])
        order = sorted(faults, key=lambda f: FAULTS.index(f[0]))
        told = [text for _, text in order]
        if all(name not in ("diverged", "dropped") for name, _ in order):
            told.insert(0, covered.get(i, "no fault found (the data has no known modes)"))
        out.append(Verdict(seed, tuple(name for name, _ in order), "; ".join(told) + "."))
    return out


def describe(found: Sequence[Verdict]) -> list[str]:
    """The run's verdict: seeds that ended alike share a line, the most frequent first."""
    groups: dict[str, list[int]] = {}
    for v in found:
        groups.setdefault(v.sentence, []).append(v.seed)
    ordered = sorted(groups.items(), key=lambda g: -len(g[1]))
    told = ((seeds, plural(sentence) if len(seeds) > 1 else sentence) for sentence, seeds in ordered)
    return [f"{_seeds(seeds, len(found))} {sentence}" for seeds, sentence in told]


def plural(sentence: str) -> str:
    """A seed's sentence, said of several: each of its parts begins with what the seed does."""
    return re.sub(r"\bits\b", "their", re.sub(r"(^|; )(cover|scatter|oscillate|memorise)s\b", r"\1\2", sentence))


def of_samples(sentence: str) -> str:
    """A seed's sentence, said of samples whose generator is not known."""
    first, *rest = plural(sentence).replace("their samples", "them").replace("dropped", "miss").split("; ")
    told = [re.sub(r"^(?=cover|scatter|memorise)", "they ", part) for part in rest]
    told = [re.sub(r"^modes too narrow", "their modes are too narrow", part) for part in told]
    begins = first[0].upper() + first[1:] if first.startswith("no ") else f"The samples {first}"
    return "; ".join([begins, *told])


def _seeds(seeds: list[int], total: int) -> str:
    if len(seeds) == total and total > 1:
        return "Both seeds:" if total == 2 else f"All {total} seeds:"
    return f"Seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}:"


def _of_modes(e: Evidence, x: Tensor, alive: list[int], found: dict[int, list[tuple[str, str]]]) -> dict[int, str]:
    """Add each seed's faults to ``found``; what each covers, in words."""
    assert e.assign is not None
    assert e.weights is not None
    weights = e.weights.to(x.device)
    k, n = len(weights), x.shape[1]
    modes, high = (torch.cat(parts) for parts in zip(*[e.assign(one[None]) for one in x], strict=True))
    true_modes, true_high = e.assign(e.perfect[None])
    hits = count(modes, k, high)
    has = hits >= e.protocol.hits
    best, within = float(true_high.double().mean()), _within(e.perfect, true_modes[0], true_high[0], k)
    chance = _missed(weights, best, n, e.protocol.hits)
    usual, apart = float((1 - chance).sum()), float((chance * (1 - chance)).sum()) ** 0.5
    told = {}
    for row, i in enumerate(alive):
        faults, share, kept = found[i], float(high[row].double().mean()), has[row]
        missing = (~kept & (chance < 0.01 / k)).nonzero()[:, 0].tolist()
        nowhere, few = not hits[row].any(), bool(kept.sum() < usual - 4 * apart - 0.5)
        if nowhere and (missing or few):
            faults.append(("dropped", f"no sample lies on any of the {k} modes"))
        elif missing:
            which = f"all {k} modes" if len(missing) == k else f"{len(missing)} of {k} modes{_which(missing, k)}"
            faults.append(("dropped", f"dropped {which}"))
        elif few:
            text = (
                f"covers {int(kept.sum())} of {k} modes, where a perfect sampler covers {usual:.0f} with {n:,} samples"
            )
            faults.append(("dropped", text))
        told[i] = (
            f"covers all {k} modes"
            if kept.all()
            else f"covers {int(kept.sum())} of {k} modes, about what {n:,} samples of a perfect sampler cover ({usual:.0f} on average)"
        )
        if kept.sum() > 1:
            uneven = float(divergences(hits[row : row + 1, kept], weights[kept])["reverse_kl"])
            if uneven > max(0.1, 3 * (int(kept.sum()) - 1) / (2 * max(1, int(hits[row].sum())))):
                faults.append(("uneven", f"covers its modes unevenly (KL {uneven:.2f} nats over the covered modes)"))
        error = math.sqrt(best * (1 - best) / n)
        if share < min(0.9 * best, best - 3 * error) and not nowhere:
            text = f"scatters: {100 * share:.1f} % of its samples are high quality, {100 * best:.1f} % of the data's"
            faults.append(("scattered", text))
        ratio = (
            _within(x[row], modes[row], high[row], k) / within if within else math.nan
        )  # float32 may hold only centres
        if ratio < 0.5 and (share > best + 2 * error or best == 1):
            text = f"modes too narrow: {ratio:.2g} of the data's variance within modes"
            text += "" if best == 1 else f", {100 * share:.1f} % high quality where the data has {100 * best:.1f} %"
            faults.append(("narrow", text))
        if e.counts is not None:
            _oscillates(e.counts[:, i], faults)
    return told


def _which(missing: list[int], k: int) -> str:
    """The modes that are missing, or those that are not, where either are few."""
    if len(missing) <= _NAMED:
        return f" ({', '.join(map(str, missing))})"
    rest = sorted({*range(k)} - {*missing})
    return f" (all but {', '.join(map(str, rest))})" if 0 < len(rest) <= _NAMED else ""


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


def _oscillates(counts: Tensor, faults: list[tuple[str, str]]) -> None:
    gone = lost(counts[len(counts) // 2 :, None]).any(-1)
    times, steps = int(gone.sum()), len(gone)
    if times >= 2 and times >= steps / 4:
        faults.append(("oscillates", f"oscillates: lost modes at {times} of its last {steps} evaluations"))


def _memorises(
    x: Tensor, train: Tensor, perfect: Tensor, alive: list[int], found: dict[int, list[tuple[str, str]]]
) -> None:
    n = min(x.shape[1], len(train), len(perfect))
    gaps = overfit(x, train, perfect)["overfit_one_nn"].tolist()
    for i, gap in zip(alive, gaps, strict=True):
        if gap > max(0.1, 3 * 0.5 / math.sqrt(n)):  # each accuracy has 0.5 / sqrt 2n, their difference 0.5 / sqrt n
            text = f"memorises: its 1-NN accuracy is {gap:.2f} lower against training than against held-out data"
            found[i].append(("memorises", text))
