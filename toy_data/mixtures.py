"""Mixtures of Gaussians with known modes: p(x) = sum_k w_k N(x; c_k, C_k)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from toy_data import DataError
from toy_data.base import Data, digest


class Mixture(Data):
    """A Gaussian mixture; covariances are kept as Cholesky factors ``[K, d, d]``, or as standard deviations ``[K, d]`` when diagonal."""

    def __init__(self, name: str, centres: Tensor, spread: Tensor, weights: Tensor | None = None) -> None:
        """``centres [K, d]``; ``spread``: standard deviations ``[K, d]`` or lower Cholesky factors ``[K, d, d]``; ``weights [K]``."""
        k = len(centres)
        self.name, self.centres, self.spread = name, centres.float(), spread.float()
        self.weights = torch.full((k,), 1 / k) if weights is None else (weights / weights.sum()).float()
        self.shape, self.modes = (centres.shape[1],), k

    @property
    def diagonal(self) -> bool:
        return self.spread.ndim == 2

    @property
    def covariances(self) -> Tensor:
        """``[K, d, d]`` (made when asked for)."""
        return torch.diag_embed(self.spread.square()) if self.diagonal else self.spread @ self.spread.mT

    def sample_labelled(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        device = self.centres.device
        cumulative = self.weights.cumsum(0)
        u = torch.rand(n, generator=generator, device=device) * cumulative[-1]
        mode = torch.searchsorted(cumulative, u, right=True).clamp_max(len(cumulative) - 1)
        noise = torch.randn(n, *self.shape, generator=generator, device=device)
        spread = self.spread[mode]
        moved = spread * noise if self.diagonal else (spread @ noise[..., None])[..., 0]
        return self.centres[mode] + moved, mode

    def mahalanobis(self, x: Tensor) -> Tensor:
        """Distance to every mode in its standard deviations: ``x [..., N, d]`` -> ``[..., N, K]``.

        A coordinate without spread does not count (``cube1200`` has 500 of them: being off there is seen by the norm over the others alone).
        """
        centres, spread = self.centres.to(x), self.spread.to(x)
        if self.diagonal:
            scale = torch.where(spread > 0, 1 / spread.clamp_min(1e-30), 0.0)
            if len(self.centres) * self.shape[0] <= 4096:
                return ((x[..., None, :] - centres) * scale).square().sum(-1).sqrt()
            columns = [((x - c) * s).square().sum(-1).sqrt() for c, s in zip(centres, scale, strict=True)]
            return torch.stack(columns, -1)
        away = (x[..., None, :] - centres)[..., None]
        return torch.linalg.solve_triangular(spread, away, upper=False)[..., 0].square().sum(-1).sqrt()

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats: ``x [..., N, d]`` -> ``[..., N]``; over the coordinates that have spread."""
        spread = self.spread.to(x)
        if self.diagonal:
            log_volume = torch.where(spread > 0, spread.clamp_min(1e-30).log(), 0.0).sum(-1)
            d = (spread > 0).sum(-1)
        else:
            log_volume, d = spread.diagonal(dim1=-2, dim2=-1).log().sum(-1), torch.tensor(self.shape[0])
        parts = self.weights.to(x).log() - log_volume - d * (math.log(2 * math.pi) / 2) - self.mahalanobis(x).square() / 2
        return parts.logsumexp(-1)

    @property
    def mean(self) -> Tensor:
        return self.weights @ self.centres

    @property
    def std(self) -> Tensor:
        variance = self.spread.square() if self.diagonal else self.covariances.diagonal(dim1=-2, dim2=-1)
        total = self.weights @ (variance + (self.centres - self.mean).square())
        return total.sqrt().clamp_min(1e-12)

    def to(self, device: torch.device | str) -> Mixture:
        return Mixture(self.name, self.centres.to(device), self.spread.to(device), self.weights.to(device))

    def fingerprint(self) -> str:
        return digest(self.centres, self.spread, self.weights)


def _isotropic(name: str, centres: Tensor, sigma: float, weights: Tensor | None = None) -> Mixture:
    return Mixture(name, centres, torch.full_like(centres, sigma), weights)


def _circle(angles: Tensor, radius: float) -> Tensor:
    return radius * torch.stack([angles.cos(), angles.sin()], dim=1)


def _eight() -> Tensor:
    """Eight distinct angles: the end point is excluded, which the released notebooks forget."""
    return torch.arange(8) * (2 * math.pi / 8)


def _square(side: int, spacing: float) -> Tensor:
    line = (torch.arange(side) - (side - 1) / 2) * spacing
    return torch.cartesian_prod(line, line)


def _gmm1d() -> Mixture:
    centres = torch.tensor([10.0, 20, 60, 80, 110])[:, None]
    return Mixture("gmm1d", centres, torch.tensor([3.0, 3, 2, 2, 1])[:, None])


def _cube1200() -> Mixture:
    levels = torch.tensor([-1, -0.5, 0, 0.5, -2, -2.5, 10, 0.25, -13, -5.5])
    spread = torch.zeros(10, 1200)
    spread[:, :700] = 1
    return Mixture("cube1200", levels[:, None].expand(10, 1200).clone(), spread)


_BUILT_IN: dict[str, Callable[[], Mixture]] = {
    "ring": lambda: _isotropic("ring", _circle(_eight(), 2), 0.02),
    "ring-pacgan": lambda: _isotropic("ring-pacgan", _circle(_eight(), 1), 0.01),
    "ring-imbalanced": lambda: _isotropic("ring-imbalanced", _circle(_eight(), 2), 0.02, 2.0 ** (-torch.arange(8) / 2)),
    "ring-linspace-bug": lambda: _isotropic(
        "ring-linspace-bug", _circle(_eight()[:7] * 8 / 7, 2), 0.02, torch.tensor([2.0, 1, 1, 1, 1, 1, 1])
    ),
    "grid": lambda: _isotropic("grid", _square(5, 2), 0.05),
    "grid100": lambda: _isotropic("grid100", _square(10, 2), 0.05),
    "gmm1d": _gmm1d,
    "cube1200": _cube1200,
}


def built_in(name: str) -> Mixture:
    """A mixture of the catalogue."""
    return _BUILT_IN[name]()


def from_arrays(name: str, centres: Tensor, sigma: Tensor | None, covariances: Tensor | None, weights: Tensor | None) -> Mixture:
    """A user's mixture: ``centres [K, d]`` with ``sigma`` (a number, [K] or [K, d]) or ``covariances [K, d, d]``; ``weights [K]``.

    Raises ``DataError`` on wrong shapes, values that are not finite, covariances that are not positive definite, weights that are not
    positive.
    """
    if centres.ndim != 2 or 0 in centres.shape:
        raise DataError(f"{name}: centres must be [K, d], not {list(centres.shape)}.")
    k, d = centres.shape
    given = {"centres": centres, "sigma": sigma, "covariances": covariances, "weights": weights}
    for key, value in given.items():
        if value is not None and not value.isfinite().all():
            raise DataError(f"{name}: {key} holds values that are not finite.")
    if weights is not None and (weights.shape != (k,) or (weights <= 0).any()):
        raise DataError(f"{name}: weights must be [{k}] and positive, one per centre.")
    if (sigma is None) == (covariances is None):
        raise DataError(f"{name}: a mixture needs either sigma or covariances [{k}, {d}, {d}].")
    if sigma is not None:
        if sigma.shape not in ((), (1,), (k,), (k, d)) or (sigma <= 0).any():
            raise DataError(f"{name}: sigma must be a positive number, [{k}] or [{k}, {d}], not {list(sigma.shape)}.")
        spread = (sigma[:, None] if sigma.shape == (k,) and k > 1 else sigma).expand(k, d).clone()
        return Mixture(name, centres, spread, weights)
    assert covariances is not None
    if covariances.shape != (k, d, d) or not torch.allclose(covariances, covariances.mT):
        raise DataError(f"{name}: covariances must be [{k}, {d}, {d}] and symmetric, not {list(covariances.shape)}.")
    factor, failed = torch.linalg.cholesky_ex(covariances.double())
    if failed.any():
        raise DataError(f"{name}: covariance {int(failed.nonzero()[0])} is not positive definite.")
    return Mixture(name, centres, factor, weights)
