"""How many different samples are there? Vendi score, number of statistically different bins, birthday paradox."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from zoo.metrics.distances import blocks, flattened, over_seeds, squared
from zoo.metrics.two_samples import median_distance


def vendi(samples: Tensor, real: Tensor, width: float | None = None, at_most: int = 1000) -> Tensor:
    """exp(-sum l log l) over the eigenvalues l of K/n (Friedman & Dieng 2023, arXiv:2210.02410): ``[S]``.

    K_ij = exp(-d_ij^2 / 2 h^2) among the first n = ``at_most`` samples; h = ``width``, by default 1/8 of the data's
    median distance, narrow enough to count the modes of a ring or grid one by one. n for n far points, 1 for copies of
    one.
    """
    x, y = flattened(samples, real)
    h = median_distance(y) / 8 if width is None else width

    def of_one(fake: Tensor) -> float:
        kernel = squared(fake.double(), fake.double()).mul_(-0.5 / h**2).exp_() / len(fake)
        spectrum = torch.linalg.eigvalsh(kernel).clamp_min(0)
        return float(torch.exp(-torch.xlogy(spectrum, spectrum).sum()))

    return over_seeds(x[:, :at_most], of_one)


def ndb(samples: Tensor, real: Tensor, bins: int = 100, level: float = 0.05, seed: int = 0) -> Tensor:
    """NDB/K: the share of k-means bins of the data whose shares of samples and data differ (Richardson & Weiss 2018,
    arXiv:1805.12462): a two-proportion z test per bin, pooled standard error, two-sided ``level``.

    ``level`` for a perfect sampler, near 1 after collapse. Bins: at most one for 20 data samples. We differ: bins are fitted on one half of
    the data and count the other, since points that bins were fitted on fill them too evenly (the released code, eitanrich/gans-n-gmms, uses
    all of them for both); k-means starts once (there scikit-learn's ten times), and in all dimensions (there in a sixth of more than 1,000).
    """
    from scipy.stats import norm
    from sklearn.cluster import KMeans

    x, y = flattened(samples, real)
    k = max(2, min(bins, len(y) // 20))
    half = len(y) // 2  # bins fitted on the points that they then count would look too even
    fit, count = y[:half].cpu().double().numpy(), y[half:].cpu().double().numpy()
    clusters = KMeans(k, n_init=1, random_state=seed).fit(fit)
    expected = np.bincount(clusters.predict(count), minlength=k)
    n, m, critical = x.shape[1], len(count), norm.ppf(1 - level / 2)

    def of_one(fake: Tensor) -> float:
        found = np.bincount(clusters.predict(fake.cpu().double().numpy()), minlength=k)
        pooled = (found + expected) / (n + m)
        error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n + 1 / m), 1e-300))
        return float(np.mean(np.abs(found / n - expected / m) > critical * error))

    return over_seeds(x, of_one)


def birthday_of_modes(counts: Tensor) -> Tensor:
    """The smallest batch in which two samples share a mode with probability 1/2 or more: ``counts [S, K]`` -> ``[S]``.

    Exact, for draws with the shares p of ``counts``: P(all s differ) = s! e_s(p), with e_s the elementary symmetric
    polynomial. 4 for 8 even modes, 7 for 25, 38 for 1000, 2 for one; 1 + K at most. NaN where nothing was counted.
    """
    p = (counts.double() / counts.sum(-1, keepdim=True)).cpu()
    most = min(p.shape[1], int(3 * math.sqrt(p.shape[1])) + 3)
    distinct = torch.zeros(len(p), most + 1, dtype=torch.float64)  # column s: s! e_s of the modes so far
    distinct[:, 0] = 1
    size = torch.arange(1, most + 1, dtype=torch.float64)
    for share in p.T:
        distinct[:, 1:] += size * share[:, None] * distinct[:, :-1]
    first = (distinct <= 0.5).double()
    found = torch.where(first.any(1), first.argmax(1).double(), float(most + 1))
    return torch.where(p.isnan().any(1), torch.nan, found)


def birthday_of_samples(samples: Tensor, real: Tensor, rate: float = 1e-3) -> Tensor:
    """The same for near-duplicates (Arora & Zhang 2017, arXiv:1706.08224): ``[S, N, *shape]`` -> ``[S]``.

    A pair coincides when closer than all but ``rate`` of the data's pairs, so a perfect sampler scores
    1/2 + (1/4 + 2 log 2 / rate)^1/2 = 37.7, and a sampler that repeats itself less: s(s-1)/2 pairs, each coinciding
    with the probability measured over all pairs of its samples, make one coincidence likelier than not. At least 2.
    """
    x, y = flattened(samples, real)
    y = y[:2500]
    pairs = squared(y, y)[torch.triu_indices(len(y), len(y), 1, device=y.device).unbind()]
    near = pairs.kthvalue(max(1, round(rate * len(pairs)))).values
    # copies may be so far apart by rounding
    near = near + 1e-12 * (y.double() - y.double().mean(0)).square().sum(-1).mean()

    def of_one(fake: Tensor) -> float:
        close = sum(int((squared(block, fake) <= near).sum()) for _, block in blocks(fake, len(fake)))
        close -= len(fake)  # each to itself
        share = close / (len(fake) * (len(fake) - 1))
        return max(2.0, 0.5 + math.sqrt(0.25 + 2 * math.log(2) / share)) if share > 0 else math.inf

    return over_seeds(x, of_one)
