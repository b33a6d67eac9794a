"""Distances between the distributions of two sample sets, for all seeds at once in bounded memory.

``samples [S, N, *shape]`` against ``real [M, *shape]``; every function gives float64 ``[S]``. A seed with NaN or
infinite samples gets NaN.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor

from zoo.metrics.distances import FEW, blocks, flattened, one_thread, over_seeds, squared

WIDTHS = 5
"""Gaussian kernels in the bank: 1/4, 1/2, 1, 2, 4 times the data's median distance."""


def median_distance(real: Tensor, at_most: int = 1000) -> float:
    """The median heuristic: the median distance between different points of the data (its first ``at_most``).

    Where most are copies of one another the mean distance; 1 where all are, or there is one point, since any width then says the same.
    """
    y = real.flatten(1)[:at_most]
    distances = squared(y, y)[torch.triu_indices(len(y), len(y), 1).unbind()].sqrt()
    return float(distances.median()) or float(distances.mean()) if distances.any() else 1.0


def mmd(samples: Tensor, real: Tensor, widths: Tensor | None = None) -> Tensor:
    """Unbiased squared MMD with the mean of Gaussian kernels exp(-d^2 / 2 h^2) (Gretton et al. 2012, JMLR 13).

        mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_ij k(x_i, y_j)

    ``widths [W]``: the h's; default: the bank around the data's median distance, so that all seeds share one kernel.
    """
    x, y = flattened(samples, real)
    if widths is None:
        narrowest, doublings = median_distance(y) / 4, WIDTHS - 1
    elif len(widths) == 1:
        narrowest, doublings = float(widths), 0
    else:
        return torch.stack([mmd(samples, real, h[None]) for h in widths]).mean(0)
    with one_thread() if y.shape[1] <= FEW else nullcontext():
        return _mmd(x, y, narrowest, doublings)


def _mmd(x: Tensor, y: Tensor, narrowest: float, doublings: int) -> Tensor:
    yy = _gaussian(y, y, narrowest, doublings, True)

    def of_one(fake: Tensor) -> Tensor:
        if not fake.isfinite().all():
            return yy.new_tensor(torch.nan)
        own, cross = _gaussian(fake, fake, narrowest, doublings, True), _gaussian(fake, y, narrowest, doublings, False)
        return own + yy - 2 * cross

    return torch.stack([of_one(fake) for fake in x])


def _gaussian(a: Tensor, b: Tensor, narrowest: float, doublings: int, same: bool) -> Tensor:
    """Mean kernel over pairs (without i = j for ``same``) and over widths narrowest * 2^(0 ... doublings).

    One exponential, of the widest kernel: half the width is its fourth power. In float32, after exact distances.
    """
    widest = narrowest * 2**doublings
    total = torch.zeros((), dtype=torch.float64, device=a.device)
    for rows, block in blocks(a, len(b)):
        others = b[rows.start :] if same else b
        k = squared(block, others).mul_(-0.5 / widest**2).float().exp_()
        for power in range(doublings + 1):
            if power:
                k.square_().square_()
            if same:  # pairs to the right of the block's own square stand for their mirror images too; k(x, x) = 1
                total += 2 * k.sum() - k[:, : len(block)].sum() - len(block)
            else:
                total += k.sum()
    pairs = len(a) * (len(b) - 1 if same else len(b))
    return total / (pairs * (doublings + 1))


def mmd_poly(samples: Tensor, real: Tensor) -> Tensor:
    """Unbiased squared MMD with k(x, y) = (x'y / d + 1)^3 (Bińkowski et al. 2018, arXiv:1801.01401): KID on raw
    samples.

    All N samples at once, where published KID averages subsets of 1,000; both are unbiased.
    """
    x, y = flattened(samples, real)
    yy = _cubic(y, y, True)
    return torch.stack([_cubic(fake, fake, True) + yy - 2 * _cubic(fake, y, False) for fake in x])


def _cubic(a: Tensor, b: Tensor, same: bool) -> Tensor:
    """Mean kernel over pairs; in few dimensions from sums of its features, the triple products of (x / sqrt d, 1)."""
    d = a.shape[-1]
    pairs = len(a) * (len(b) - 1 if same else len(b))
    if d <= FEW:
        own = ((a.double().square().sum(-1) / d + 1) ** 3).sum() if same else 0
        return ((_cubes(a) * _cubes(b)).sum() - own) / pairs
    total, b64 = torch.zeros((), dtype=torch.float64, device=a.device), b.double()
    for rows, block in blocks(a, len(b)):
        k = (block.double() @ b64.T).div_(d).add_(1).pow_(3)
        total += k.sum() - (k.diagonal(rows.start).sum() if same else 0)
    return total / pairs


def _cubes(x: Tensor) -> Tensor:
    one = torch.cat([x.double() / x.shape[-1] ** 0.5, x.new_ones(len(x), 1).double()], -1)
    return torch.einsum("ni,nj,nk->ijk", one, one, one)


def frechet(samples: Tensor, real: Tensor) -> Tensor:
    """|m - m'|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2) of fitted Gaussians (Dowson & Landau 1982), the square of W2.

    Covariances with N - 1. Biased upward by O(d/N): compare at one N.
    """
    x, y = flattened(samples, real)
    mean_y, cov_y = y.double().mean(0), _covariance(y)
    return frechet_gaussians(x.double().mean(1), _covariance(x), mean_y, cov_y)


def frechet_gaussians(mean: Tensor, cov: Tensor, mean_y: Tensor, cov_y: Tensor) -> Tensor:
    """The same between Gaussians ``mean [S, d]``, ``cov [S, d, d]`` and ``mean_y [d]``, ``cov_y [d, d]``."""
    finite = cov.isfinite().flatten(1).all(1) & mean.isfinite().all(1)
    cov = torch.where(finite[:, None, None], cov, 0.0)
    values, vectors = torch.linalg.eigh(cov_y)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov @ root).clamp_min(0).sqrt().sum(-1)
    trace = cov.diagonal(dim1=-2, dim2=-1).sum(-1) + cov_y.diagonal().sum()
    distance = (mean - mean_y).square().sum(-1) + trace - 2 * cross
    return torch.where(finite, distance.clamp_min(0), torch.nan)


def _covariance(x: Tensor) -> Tensor:
    x = x.double() - x.double().mean(-2, keepdim=True)
    return x.mT @ x / max(1, x.shape[-2] - 1)


def wasserstein(samples: Tensor, real: Tensor, order: int = 2, at_most: int = 1000) -> Tensor:
    """(min over matchings of mean |x_i - y_pi(i)|^order)^(1/order): exact optimal transport between equal sample sizes.

    On the first min(N, M, at_most) of either side, since it costs their cube; on a line on all, by sorting.
    """
    from scipy.optimize import linear_sum_assignment

    x, y = flattened(samples, real)
    line = x.shape[-1] == 1
    n = min(x.shape[1], len(y), *(() if line else (at_most,)))

    def of_one(fake: Tensor) -> float:
        if line:
            gap = fake.double().sort(0).values - y[:n].double().sort(0).values
            return float(gap.abs().pow(order).mean() ** (1 / order))
        cost = squared(fake, y[:n]).pow_(order / 2).cpu().numpy()
        return float(cost[linear_sum_assignment(cost)].mean() ** (1 / order))

    return over_seeds(x[:, :n], of_one).to(x.device)


def sliced_wasserstein(samples: Tensor, real: Tensor, directions: int = 64, seed: int = 0) -> Tensor:
    """(mean over unit directions u of W2^2(u'x, u'y))^(1/2) (Bonneel et al. 2015), directions drawn from
    ``seed``."""
    x, y = flattened(samples, real)
    n = min(x.shape[1], len(y))
    g = torch.Generator().manual_seed(seed)
    u = torch.randn(x.shape[-1], directions, generator=g, dtype=torch.float64)
    u = (u / u.norm(dim=0)).T.to(x)
    target = (u @ y[:n].T).sort().values
    out = torch.stack([((u @ fake.T).sort().values - target).double().square().mean().sqrt() for fake in x[:, :n]])
    return torch.where(x[:, :n].isfinite().flatten(1).all(1), out, torch.nan)
