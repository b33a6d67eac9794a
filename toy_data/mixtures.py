"""Mixtures of Gaussians: data whose modes, density and moments are known exactly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from toy_data.base import Data, Generator, digest, finite
from toy_data.errors import DataError


class Mixture(Data):
    """p(x) = sum_k w_k N(x; c_k, C_k).

    Args:
        name: what to call it.
        centres: ``[K, d]``, all different.
        sigma: standard deviations: one number, ``[K]`` (C_k = sigma_k^2 I), or ``[K, d]`` (one for each coordinate).
        covariances: ``[K, d, d]``, symmetric and positive definite; give these or ``sigma``.
        weights: ``[K]``, positive, sum 1; equal where not given.
        noisy: only the first ``noisy`` coordinates vary; the others equal the centre's (VEEGAN's 1200-D data). Needs ``sigma``, one
            number or ``[K]``: a column for each coordinate would leave the still ones a sigma too.

    Raises:
        DataError: where the above does not hold.
    """

    centres: Tensor
    """``[K, d]`` float32, as the weights ``[K]`` are."""
    modes: int
    weights: Tensor
    value_range = None
    n_held_out = None

    def __init__(
        self,
        name: str,
        centres: Tensor,
        *,
        sigma: Tensor | float | None = None,
        covariances: Tensor | None = None,
        weights: Tensor | None = None,
        noisy: int | None = None,
    ) -> None:
        if (sigma is None) == (covariances is None):
            raise DataError(f"'{name}' needs either sigma or covariances for its centres.")
        c = _checked_centres(name, centres.double())
        k, d = c.shape
        self.name, self.shape, self.modes = name, (d,), k
        self.noisy = d if noisy is None else noisy
        round_modes = sigma is not None and torch.as_tensor(sigma).ndim < 2
        if not 0 < self.noisy <= d or (noisy is not None and not round_modes):
            raise DataError(
                f"'{name}' can have 1 to {d} noisy coordinates, and only with one sigma for each mode; {noisy} were asked for."
            )
        w = _checked_weights(name, torch.full((k,), 1 / k) if weights is None else weights, k)
        self.centres, self.weights = c.float(), w.float()
        self._cumulative = w.cumsum(0).float()
        self._cumulative[-1] = 1.0
        if sigma is not None and torch.as_tensor(sigma).ndim == 2:
            s = _checked_sigma(name, torch.as_tensor(sigma, dtype=torch.float64), k, d)
            covariances = s.square().diag_embed()
        if covariances is None:
            s = _checked_sigma(name, torch.as_tensor(sigma, dtype=torch.float64), k, d).expand(k)
            self._spread = s.float()  # [K]: standard deviations
            variance = torch.zeros(k, d, dtype=torch.float64)
            variance[:, : self.noisy] = s[:, None] ** 2
            log_volume = self.noisy * s.log()
        else:
            full = covariances.double()
            factor = _checked_factor(name, full, k, d)
            self._spread = factor.float()  # [K, d, d]: L with L L' = C
            self._whiten = torch.linalg.inv(factor).float()
            variance = full.diagonal(dim1=-2, dim2=-1)
            log_volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        self._log_peak = (w.log() - log_volume - self.noisy / 2 * math.log(2 * math.pi)).float()
        mean = w @ c
        self.mean, self.std = mean.float(), (w @ (variance + (c - mean) ** 2)).sqrt().float()

    @property
    def covariances(self) -> Tensor:
        """``[K, d, d]``, made when asked for (1200 dimensions: 58 MB)."""
        if self._spread.ndim == 3:
            return self._spread @ self._spread.mT
        variance = torch.zeros_like(self.centres)
        variance[:, : self.noisy] = self._spread[:, None] ** 2
        return variance.diag_embed()

    def mahalanobis(self, x: Tensor) -> Tensor:
        """How many sigmas from each mode, sqrt((x - c)' C^-1 (x - c)): ``x [..., N, d]`` -> ``[..., N, K]``.

        Coordinates without noise count in the mode's sigma too, as in PacGAN's code. Memory: ``[..., N, K]`` for round modes, ``[..., N, K, d]``
        for the others: pass long lists in chunks.
        """
        c = self.centres.to(x.dtype)
        if self._spread.ndim == 1:
            return torch.cdist(x, c, compute_mode="donot_use_mm_for_euclid_dist") / self._spread.to(x.dtype)
        return torch.einsum("kij,...kj->...ki", self._whiten.to(x.dtype), x[..., None, :] - c).norm(dim=-1)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), natural logarithm: ``x [..., N, d]`` -> ``[..., N]``.

        With coordinates that hold no noise: the density on the pieces of plane that carry the mixture, -inf off them.
        """
        logits = self._log_peak.to(x.dtype) - self.mahalanobis(x).square() / 2
        if self.noisy < self.centres.shape[1]:
            on = (x[..., None, self.noisy :] == self.centres[:, self.noisy :].to(x.dtype)).all(-1)
            logits = logits.masked_fill(~on, -torch.inf)
        return logits.logsumexp(-1)

    def _draw(self, n: int, generator: Generator | None, held_out: bool) -> tuple[Tensor, Tensor]:
        device = self.centres.device
        k = torch.searchsorted(self._cumulative, torch.rand(n, generator=generator, device=device), right=True)
        noise = torch.randn(n, self.noisy, generator=generator, device=device)
        x = self.centres[k]
        if self._spread.ndim == 1:
            x[:, : self.noisy] += self._spread[k, None] * noise
        else:
            x += torch.einsum("nij,nj->ni", self._spread[k], noise)
        return x, k

    def fingerprint(self) -> str:
        return digest("mixture", self.centres, self._spread, self.weights, self.noisy)


def _checked_centres(name: str, c: Tensor) -> Tensor:
    if c.ndim != 2 or 0 in c.shape:
        raise DataError(f"The centres of '{name}' have shape {list(c.shape)}; they need [K, d]: a row for each mode.")
    finite(name, "centres", c)
    first: dict[tuple[float, ...], int] = {}
    for i, row in enumerate(c.float().tolist()):
        j = first.setdefault(tuple(row), i)
        if j != i:
            raise DataError(
                f"Centres {j} and {i} of '{name}' are the same point; make them one mode, of the two weights together."
            )
    return c


def _checked_sigma(name: str, s: Tensor, k: int, d: int) -> Tensor:
    if s.shape not in ((), (k,), (k, d)):
        raise DataError(f"The sigma of '{name}' has shape {list(s.shape)}; it needs one number, [{k}] or [{k}, {d}].")
    if not (finite(name, "sigmas", s).float() > 0).all():
        raise DataError(f"The sigma of '{name}' must be above 0; the smallest is {float(s.min()):g}.")
    return s


def _checked_factor(name: str, full: Tensor, k: int, d: int) -> Tensor:
    """The Cholesky factors ``[K, d, d]``."""
    if full.shape != (k, d, d):
        raise DataError(f"The covariances of '{name}' have shape {list(full.shape)}; its centres need [{k}, {d}, {d}].")
    finite(name, "covariances", full)
    skew = (full - full.mT).abs().amax((-2, -1)) > 1e-5 * full.abs().amax((-2, -1))
    factor, failed = torch.linalg.cholesky_ex(full)
    for wrong, what in ((skew, "symmetric"), (failed > 0, "positive definite")):
        if wrong.any():
            raise DataError(f"Covariance {int(wrong.nonzero()[0])} of '{name}' is not {what}.")
    return factor


def _checked_weights(name: str, w: Tensor, k: int) -> Tensor:
    """Positive, and exactly 1 together (a sum within 1e-3 of 1 is taken for rounding)."""
    w = w.double()
    if w.shape != (k,):
        raise DataError(f"The weights of '{name}' have shape {list(w.shape)}; its {k} centres need [{k}].")
    if not (finite(name, "weights", w) > 0).all():
        raise DataError(f"The weights of '{name}' must be above 0; the smallest is {float(w.min()):g}.")
    if abs(float(w.sum()) - 1) > 1e-3:
        raise DataError(f"The weights of '{name}' sum to {float(w.sum()):g} instead of 1.")
    return w / w.sum()
