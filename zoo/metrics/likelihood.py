"""Log-likelihoods of held-out data: under a kernel density of the samples, and under the generator itself (AIS)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.metrics.distances import blocks, flattened, squared
from zoo.metrics.two_samples import median_distance

Decoder = Callable[[Tensor], Tensor]
"""Latents ``[B, l]`` to means of samples ``[B, *shape]``."""


def kde(samples: Tensor, held_out: Tensor, bandwidths: Tensor | None = None) -> dict[str, Tensor]:
    """mean_x log mean_i N(x; g_i, h^2 I), in nats (Parzen; Breuleux et al. 2011, Neural Computation 23(8)): ``[S]``
    each.

    h is the best of ``bandwidths`` (default: 16 from 1/500 to 1 of the data's median distance) on the first half of
    ``held_out``; ``kde`` is measured on the second half, ``bandwidth`` is the h chosen.
    """
    x, y = flattened(samples, held_out)
    if bandwidths is None:
        bandwidths = median_distance(y) * torch.logspace(math.log10(1 / 500), 0, 16, dtype=torch.float64)
    half = len(y) // 2
    scores, chosen = [], []
    for fake in x:
        if not fake.isfinite().all():
            scores.append(math.nan)
            chosen.append(math.nan)
            continue
        h = float(bandwidths[_log_density(y[:half], fake, bandwidths).argmax()])
        scores.append(float(_log_density(y[half:], fake, torch.tensor([h]))[0]))
        chosen.append(h)
    return {"kde": torch.tensor(scores, dtype=torch.float64), "bandwidth": torch.tensor(chosen, dtype=torch.float64)}


def _log_density(at: Tensor, points: Tensor, bandwidths: Tensor) -> Tensor:
    """The mean over ``at [M, d]`` of the log density, for each bandwidth: ``[H]``."""
    d, total = at.shape[-1], torch.zeros(len(bandwidths), dtype=torch.float64)
    for _, block in blocks(at, len(points)):
        d2 = squared(block.double(), points.double())
        for i, h in enumerate(bandwidths.tolist()):
            total[i] += float((d2 * (-0.5 / h**2)).logsumexp(-1).sum())
    constant = math.log(len(points)) + d * (0.5 * math.log(2 * math.pi) + bandwidths.double().log())
    return total / len(at) - constant


def ais(
    decoder: Decoder,
    x: Tensor,
    latent: int,
    sigma: float,
    temperatures: int = 300,
    chains: int = 16,
    leapfrogs: int = 10,
    seed: int = 0,
) -> Tensor:
    """log p(x) ``[M]`` of p(x) = E_z N(x; G(z), sigma^2 I), z ~ N(0, I), by annealed importance sampling with HMC
    (Wu et al. 2017, arXiv:1611.04273); in expectation a lower bound.

        log p(x) ~ log mean_chains prod_t p(x | z_t)^(b_{t+1} - b_t),   z_t from HMC on p(z) p(x | z)^b_t, b from 0 to 1

    We differ from the released code (tonywu95/eval_gen) in what its defaults are: there 10,000 temperatures, on a sigmoid between -4 and 4, which
    is dense at both ends, and one step size for all; here 300, b_t = (t / T)^4, and a step size for each x, which every transition jitters.

    Args:
        decoder: the generator of one seed, differentiable, in evaluation mode; must keep ``z``'s type (float32 or 64).
        x: held-out data ``[M, *shape]``.
        latent: dimensions of z. Only for z ~ N(0, I).
        sigma: standard deviation (not variance) of the observation noise that gives the generator a density.
    """
    run = _Chains(decoder, sigma, leapfrogs, torch.Generator(x.device).manual_seed(seed))
    x = x.flatten(1)
    return run.anneal(x, run.normal(len(x) * chains, latent, x), _betas(temperatures), chains)


def _betas(temperatures: int) -> Tensor:
    """From 0 to 1, dense near 0, where the posterior shrinks fast."""
    return torch.linspace(0, 1, temperatures + 1, dtype=torch.float64) ** 4


@dataclass
class _Chains:
    decoder: Decoder
    sigma: float
    leapfrogs: int
    generator: torch.Generator

    def normal(self, rows: int, columns: int, like: Tensor) -> Tensor:
        return torch.randn(rows, columns, generator=self.generator, device=like.device, dtype=like.dtype)

    def fit(self, z: Tensor, x: Tensor) -> Tensor:
        """log N(x; G(z), sigma^2 I) ``[B]``."""
        d2 = (self.decoder(z).flatten(1) - x).square().sum(-1)
        return -d2 / (2 * self.sigma**2) - x.shape[-1] * math.log(self.sigma * math.sqrt(2 * math.pi))

    def slope(self, z: Tensor, x: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """log p(z) + beta log p(x|z) (up to a constant) ``[B]`` and its gradient ``[B, l]``."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = beta * self.fit(z, x) - z.square().sum(-1) / 2
            (slope,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), slope

    def anneal(self, x: Tensor, z: Tensor, betas: Tensor, chains: int) -> Tensor:
        """log mean over chains of the importance weights from betas[0] to betas[-1]: ``[M]``, rows of z chain by
        chain."""
        wide = x.repeat_interleave(chains, 0)
        weight = torch.zeros(len(z), dtype=torch.float64, device=z.device)
        step = torch.full((len(x), 1), 0.1, dtype=z.dtype, device=z.device)
        for before, after in zip(betas[:-1].tolist(), betas[1:].tolist(), strict=True):
            with torch.no_grad():
                weight += (after - before) * self.fit(z, wide).double()
            z, accepted = self.hmc(z, wide, after, step.repeat_interleave(chains, 0))
            share = accepted.view(len(x), chains).mean(-1, keepdim=True)
            step = (step * torch.where(share > 0.65, 1.02, 0.98)).clamp(1e-4, 1.0).to(z.dtype)
        return weight.view(len(x), chains).logsumexp(-1) - math.log(chains)

    def hmc(self, z: Tensor, x: Tensor, beta: float, step: Tensor) -> tuple[Tensor, Tensor]:
        """One Hamiltonian transition that leaves p(z) p(x|z)^beta as it is; also the acceptance probabilities
        ``[B]``."""
        p = self.normal(len(z), z.shape[1], z)
        # of random length, or a path may end where it began
        step = step * (0.5 + torch.rand(len(z), 1, generator=self.generator, device=z.device, dtype=z.dtype))
        value, slope = self.slope(z, x, beta)
        energy = p.square().sum(-1) / 2 - value
        q, p = z, p + step / 2 * slope
        for i in range(self.leapfrogs):
            q = q + step * p
            value, slope = self.slope(q, x, beta)
            p = p + (step if i < self.leapfrogs - 1 else step / 2) * slope
        accept = (energy - (p.square().sum(-1) / 2 - value)).exp().clamp(max=1).nan_to_num(0.0)
        coin = torch.rand(len(z), generator=self.generator, device=z.device, dtype=z.dtype)
        return torch.where((coin < accept)[:, None], q, z), accept
