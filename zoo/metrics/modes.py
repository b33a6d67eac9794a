"""Which modes of a known mixture do the samples reach, and how evenly? Pure, for all seeds at once, in bounded memory.

A sample is *high quality* (HQ) when its Mahalanobis distance to the nearest mode is below the threshold; a mode is
*covered* when at least ``hits`` HQ samples are nearest to it. With p the share of counted samples per mode and w the
mixture's own weights (natural logarithms, 0 log 0 = 0; Lin et al. 2018, arXiv:1712.04086):

    reverse_kl = sum p log(p / w)            forward_kl = sum w log(w / p)         chi_square = sum (p - w)^2 / w
    js = KL(p|m)/2 + KL(w|m)/2, m = (p+w)/2  effective_modes = exp(-sum p log p)

Choices where a definition ends: in ``forward_kl`` a mode has the share of half a sample of those drawn at least (p is
then scaled to sum to 1), so that it stays finite and grows with every lost mode. A seed with no counted sample has no
p: it gets each measure's worst value (reverse_kl = log 1/min w, js = log 2, chi_square = 1/min w - 1, forward_kl as
if half of one of its N samples were in each mode, modes = effective_modes = 0). NaN and infinite samples are never HQ
and never counted, but stay in the denominator of ``high_quality``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol as Interface

import torch
from torch import Tensor

from zoo.errors import ZooError
from zoo.metrics.protocols import PROTOCOLS, Protocol

__all__ = ["PROTOCOLS", "Protocol", "assign", "closest", "count", "coverage", "coverage_of", "divergences"]
_CHUNK = 1 << 23  # floats in one block of distances: 32 MB


class KnownModes(Interface):
    """What a mixture must offer (``toy_data.Mixture`` does)."""

    @property
    def centres(self) -> Tensor: ...  # [K, d]
    @property
    def covariances(self) -> Tensor: ...  # [K, d, d]
    @property
    def weights(self) -> Tensor: ...  # [K]
    def mahalanobis(self, x: Tensor, /) -> Tensor: ...  # [..., N, d] -> [..., N, K]


def assign(samples: Tensor, mixture: KnownModes, protocol: Protocol = PROTOCOLS["pacgan"]) -> tuple[Tensor, Tensor]:
    """The nearest mode of every sample, and whether the sample is HQ.

    ``samples [S, N, d]`` -> ``nearest [S, N]`` (int64, -1 for NaN or infinite samples), ``high_quality [S, N]`` (bool).
    """
    centres = mixture.centres
    if samples.ndim != 3 or samples.shape[-1] != centres.shape[-1]:
        raise ZooError(
            f"samples have shape {tuple(samples.shape)}, modes of this data need [seeds, N, {centres.shape[-1]}]"
        )
    flat = samples.reshape(-1, samples.shape[-1])
    pairs = [_assign(x, mixture, protocol) for x in _rows(flat, len(centres))]
    nearest, high = (torch.cat(parts).view(samples.shape[:2]) for parts in zip(*pairs, strict=True))
    return nearest, high


def _rows(flat: Tensor, k: int) -> Iterator[Tensor]:
    return iter(flat.split(max(1, _CHUNK // (k * flat.shape[-1]))))


def _assign(x: Tensor, mixture: KnownModes, protocol: Protocol) -> tuple[Tensor, Tensor]:
    finite = x.isfinite().all(-1)
    distance, nearest = mixture.mahalanobis(torch.where(finite[:, None], x, 0.0)).min(-1)
    if protocol.box:
        sigma = mixture.covariances.diagonal(dim1=-2, dim2=-1).sqrt()
        # where there is no noise, as ``mahalanobis`` has it
        sigma = torch.where(sigma > 0, sigma, sigma.amax(-1, keepdim=True))
        inside = ((x - mixture.centres[nearest]).abs() < protocol.threshold * sigma[nearest]).all(-1)
    else:
        inside = distance < protocol.threshold
    return torch.where(finite, nearest, -1), inside & finite


def closest(mixture: KnownModes) -> tuple[float, int, int]:
    """The two modes that lie nearest together: how many sigmas of the first the second's centre is away, and which they are."""
    centres, found = mixture.centres, (math.inf, 0, 0)
    first = 0
    for rows in _rows(centres, len(centres)):
        distance = mixture.mahalanobis(rows)  # [n, K]
        distance.diagonal(first).fill_(math.inf)
        row, mode = divmod(int(distance.argmin()), len(centres))
        found = min(found, (float(distance[row, mode]), mode, first + row))
        first += len(rows)
    return found


def count(modes: Tensor, k: int, keep: Tensor | None = None) -> Tensor:
    """How many samples fall to each mode: ``modes [S, N]`` in [-1, k), -1 never counting, ``keep [S, N]`` -> ``[S,
    k]`` int64."""
    slot = torch.where(modes < 0, k, modes) if keep is None else torch.where((modes >= 0) & keep, modes, k)
    counts = torch.zeros(len(modes), k + 1, dtype=torch.int64, device=modes.device)
    return counts.scatter_add_(1, slot, torch.ones_like(slot))[:, :k]


def divergences(counts: Tensor, weights: Tensor, drawn: int = 1) -> dict[str, Tensor]:
    """Distances between the shares of ``counts [S, K]`` and ``weights [K]``: the table above, each ``[S]`` in float64.

    ``drawn``: the samples looked at, among which an uncounted seed's every mode has half a sample.
    """
    counts, w = counts.double(), (weights.double() / weights.double().sum()).to(counts.device)
    total = counts.sum(-1, keepdim=True)
    empty, p = total[:, 0] == 0, counts / total.clamp_min(1)
    middle = (p + w) / 2
    entropy = -torch.xlogy(p, p).sum(-1)
    floored = p.maximum(0.5 / total.clamp_min(drawn))
    floored = floored / torch.where(total == 0, 1.0, floored.sum(-1, keepdim=True))
    rarest = float(w[w > 0].min())

    def worst(value: Tensor, limit: float) -> Tensor:
        return torch.where(empty, limit, value)

    js = (_kl(p, middle) + _kl(w.expand_as(p), middle)) / 2
    return {
        "reverse_kl": worst(_kl(p, w), -math.log(rarest)),
        "forward_kl": _kl(w, floored),
        "js": worst(js, math.log(2)),
        "chi_square": worst(((p - w) ** 2 / w).sum(-1), 1 / rarest - 1),
        "effective_modes": worst(entropy.exp(), 0.0),
    }


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def coverage_of(
    nearest: Tensor, high_quality: Tensor, weights: Tensor, protocol: Protocol = PROTOCOLS["pacgan"]
) -> dict[str, Tensor]:
    """All mode metrics from an assignment, whoever made it (a mixture's ``assign``, or a classifier's argmax).

    ``nearest [S, N]``, ``high_quality [S, N]``, ``weights [K]`` -> ``{name: [S]}`` in float64.
    """
    if protocol.even_weights:
        weights = torch.full_like(weights, 1 / len(weights))
    hits = count(nearest, len(weights), high_quality)
    counted = hits if protocol.kl_high_quality_only else count(nearest, len(weights))
    return {
        "modes": (hits >= protocol.hits).sum(-1).double(),
        "high_quality": high_quality.double().mean(-1),
        **divergences(counted, weights, nearest.shape[-1]),
    }


def coverage(samples: Tensor, mixture: KnownModes, protocol: Protocol = PROTOCOLS["pacgan"]) -> dict[str, Tensor]:
    """Modes covered, HQ share, and the divergences over modes, for all seeds: ``samples [S, N, d]`` -> ``{name: [S]}``
    in float64.

    Keys: modes, high_quality (a share in [0, 1]), reverse_kl, forward_kl, js, chi_square (nats, nats, nats, 1),
    effective_modes.
    """
    nearest, high = assign(samples, mixture, protocol)
    return coverage_of(nearest, high, mixture.weights.to(nearest.device), protocol)
