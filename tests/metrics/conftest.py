"""A mixture of our own for the metrics' tests, so that they calibrate against nothing but arithmetic."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

torch.set_num_threads(1)


@dataclass
class Blobs:
    """Isotropic Gaussians: centres [K, d], one sigma, weights [K]."""

    centres: Tensor
    sigma: float
    weights: Tensor

    @property
    def covariances(self) -> Tensor:
        k, d = self.centres.shape
        return (self.sigma**2 * torch.eye(d)).expand(k, d, d)

    def mahalanobis(self, x: Tensor) -> Tensor:
        return torch.cdist(x, self.centres, compute_mode="donot_use_mm_for_euclid_dist") / self.sigma

    def draw(self, n: int, generator: torch.Generator, keep: int | None = None) -> Tensor:
        weights = self.weights.clone()
        if keep is not None:
            weights[keep:] = 0
        k = torch.multinomial(weights, n, replacement=True, generator=generator)
        return self.centres[k] + self.sigma * torch.randn(n, self.centres.shape[1], generator=generator)


def circle(k: int = 8, radius: float = 1.0, sigma: float = 0.01) -> Blobs:
    angle = 2 * torch.pi * torch.arange(k) / k
    return Blobs(radius * torch.stack([angle.cos(), angle.sin()], -1), sigma, torch.full((k,), 1 / k))


@pytest.fixture
def ring() -> Blobs:
    return circle()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
