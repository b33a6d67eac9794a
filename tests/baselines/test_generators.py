"""The reference generators that are no GANs: their losses from plain calls, and what they cover."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.distributions import Normal, kl_divergence

import zoo
from baselines.generators.flow_matching import FlowMatching
from baselines.generators.vae import VAE
from tests.variants.conftest import build
from zoo.nets.kits import MLP, Conv


def test_vae_is_the_evidence_lower_bound() -> None:
    s = build(VAE(sigma=0.3))
    mu, log_s = s.E(s.batch.x)[:, :3], s.E(s.batch.x)[:, 3:]
    q, prior = Normal(mu, log_s.exp()), Normal(torch.zeros(3).double(), torch.ones(3).double())
    z = q.loc + q.scale * s.batch.z
    likelihood = Normal(s.G(z), 0.3).log_prob(s.batch.x).sum(1)
    constant = -math.log(0.3 * math.sqrt(2 * math.pi)) * 2
    bound = (likelihood - constant - kl_divergence(q, prior).sum(1)).mean()
    torch.testing.assert_close(s.variant.bound(s.nets, s.batch), -bound)


def test_flow_matching_regresses_the_velocity_of_straight_lines() -> None:
    s = build(FlowMatching(floor=0.1), MLP((2,), latent=2, width=7))
    x, z, t = s.batch.x, s.batch.z, 0.9 * s.batch.u
    on_the_way = (1 - t) * z + t * x
    velocity = (s.G(torch.cat([on_the_way, t], 1)) - on_the_way) / (1 - t)
    wanted = torch.autograd.functional.jvp(lambda t: (1 - t) * z + t * x, t, torch.ones_like(t))[1]
    torch.testing.assert_close(s.variant.loss(s.nets, s.batch), (velocity - wanted).square().mean())


def test_flow_matching_s_samples_follow_the_exact_flow() -> None:
    """Data at one point c: the exact end is c, the flow contracts to it; and a Gaussian N(0, 4): samples are twice the noise."""
    z = torch.randn(500, 1, generator=torch.Generator().manual_seed(0)).double()

    class Exact:
        """E[x | x_t] for x ~ N(0, s^2), z ~ N(0, 1)."""

        def __init__(self, s: float) -> None:
            self.s = s

        def G(self, x_t: torch.Tensor) -> torch.Tensor:  # noqa: N802
            x, t = x_t[:, :1], x_t[:, 1:]
            return t * self.s**2 / ((1 - t) ** 2 + t**2 * self.s**2) * x

    found = FlowMatching(steps=200, floor=1e-6).sample(Exact(2.0), z)
    torch.testing.assert_close(found, 2 * z, rtol=0.02, atol=0)
    coarse = FlowMatching(steps=5, floor=1e-6).sample(Exact(2.0), z)
    assert (coarse - 2 * z).norm() > 3 * (found - 2 * z).norm()


def test_flow_matching_s_steps_are_one_more_than_it_is_asked_for() -> None:
    """20 midpoint steps of 1/21, each asked at its start and its middle, then the line's end at 20/21."""
    asked: list[float] = []

    class Watched:
        def G(self, x_t: torch.Tensor) -> torch.Tensor:  # noqa: N802
            asked.append(x_t[0, 1].item())
            return x_t[:, :1]

    FlowMatching(steps=20).sample(Watched(), torch.ones(2, 1).double())
    assert asked == pytest.approx([k / 42 for k in range(40)] + [20 / 21])


def test_its_noise_has_the_data_s_dimensions_whatever_the_latent() -> None:
    assert FlowMatching().latent(MLP((2,), latent=7)) == 2
    assert FlowMatching().latent(Conv((1, 8, 8), latent=7)) == 64
    assert VAE().latent(MLP((2,), latent=7)) == 7


@pytest.mark.training
@pytest.mark.parametrize("variant", ["vae", "flow-matching"])
def test_both_cover_the_ring_with_scattered_samples(variant: str, tmp_path: Path) -> None:
    """What a likelihood and a regression buy, and their price: every mode in every seed, fewer than 9 in 10 samples near one."""
    settings = {"rounds": 1000, "depth": 3}
    result = zoo.run(variant, data="ring", seeds=4, **settings, out=tmp_path / "run", progress=False)
    modes, quality = (result.metrics.query("round == 1000")[m] for m in ("modes", "high_quality"))
    assert modes.min() == 8
    assert quality.max() < 0.9
