"""The variants that are a loss alone, as numpy formulas of D's outputs."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from zoo import losses, variants
from zoo.game import Batch, judges
from zoo.variant import Variant
from zoo.variants.d2gan import D2GAN
from zoo.variants.hinge import Hinge
from zoo.variants.lsgan import LSGAN
from zoo.variants.ragan import RaGAN
from zoo.variants.rsgan import RSGAN


def sigmoid(t: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-t))


def lsgan(r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    return 0.5 * ((r - 1) ** 2).mean() + 0.5 * (f**2).mean(), 0.5 * ((f - 1) ** 2).mean()


def hinge(r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    return np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), -f.mean()


def rsgan(r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    return -np.log(sigmoid(r - f)).mean(), -np.log(sigmoid(f - r)).mean()


def ragan(r: np.ndarray, f: np.ndarray) -> tuple[float, float]:
    real, fake = sigmoid(r - f.mean()), sigmoid(f - r.mean())
    d = -np.log(real).mean() - np.log(1 - fake).mean()
    return d, -np.log(fake).mean() - np.log(1 - real).mean()


@pytest.mark.parametrize(
    ("variant", "formula"), [(LSGAN(), lsgan), (Hinge(), hinge), (RSGAN(), rsgan), (RaGAN(), ragan)]
)
def test_losses(small, variant: Variant, formula: Callable[..., tuple[float, float]]) -> None:
    s = small(variant)
    with torch.no_grad():
        for w in s.D.parameters():  # logits beyond the hinge's margin too
            w.mul_(3)
    nets = s.nets.bind(D=s.nets.params["D"] * 3)
    real, fake = (s.D(x).detach().numpy() for x in (s.batch.x, s.G(s.batch.z)))
    d_loss, g_loss = formula(real, fake)
    np.testing.assert_allclose(s.variant.d_loss(nets, s.batch), d_loss, rtol=1e-10)
    np.testing.assert_allclose(s.variant.g_loss(nets, s.batch), g_loss, rtol=1e-10)


@pytest.mark.parametrize(("variant", "costs"), [(RSGAN(), True), (RaGAN(), True), (Hinge(), False), (LSGAN(), False)])
def test_a_relativistic_g_pays_where_d_calls_data_real(small, variant: Variant, costs: bool) -> None:
    """What the paper misses in other G's losses: D on data. Without it G may end with a D that calls everything real."""
    s = small(variant)
    fake = s.G(s.batch.z).detach()
    real, judged = s.D(s.batch.x).detach(), s.D(fake).detach()

    def loss(more: float) -> float:
        """G's, were D so much higher on data."""
        nets = SimpleNamespace(G=lambda z: fake, D=lambda x: judged if x is fake else real + more)
        return variant.g_loss(nets, s.batch).item()

    before, after = loss(0.0), loss(1.0)
    assert after > before + 0.1 if costs else after == before


def test_lsgan_s_released_mixture_has_half_the_batch_times_the_loss(small) -> None:
    """There .5 reduce_mean(l2_loss(D - target)), and TensorFlow's l2_loss is the sum of squares over 2."""
    s = small(LSGAN())
    real, fake = (s.D(v).detach().numpy() for v in (s.batch.x, s.G(s.batch.z)))
    released = 0.5 * ((real - 1) ** 2).sum() / 2 + 0.5 * (fake**2).sum() / 2
    np.testing.assert_allclose(3 * s.variant.d_loss(s.nets, s.batch), released, rtol=1e-10)
    np.testing.assert_allclose(3 * s.variant.g_loss(s.nets, s.batch), 0.5 * ((fake - 1) ** 2).sum() / 2, rtol=1e-10)


def test_d2gan(small) -> None:
    s = small(D2GAN(alpha=0.3, beta=0.6))
    x, fake = s.batch.x, s.G(s.batch.z)
    one = {k: np.log1p(np.exp(s.D1(v).detach().numpy())) for k, v in {"x": x, "f": fake}.items()}
    two = {k: np.log1p(np.exp(s.D2(v).detach().numpy())) for k, v in {"x": x, "f": fake}.items()}
    d_loss = (-0.3 * np.log(one["x"]) + one["f"]).mean() + (two["x"] - 0.6 * np.log(two["f"])).mean()
    g_loss = (-one["f"] + 0.6 * np.log(two["f"])).mean()
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), d_loss, rtol=1e-10)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), g_loss, rtol=1e-10)


def test_d2gan_at_its_best_discriminators_lowers_both_divergences() -> None:
    """Data N(0, 1), G(z) = m + s z: D1 = alpha p / q and D2 = beta q / p give G the slope of alpha KL(p | q) + beta KL(q | p), by its closed form."""
    alpha, beta, m, s = 0.3, 0.7, 0.4, 1.2
    z = torch.special.ndtri((torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000)[:, None]
    theta = torch.tensor([m, s], dtype=torch.float64, requires_grad=True)

    def log_ratio(x: torch.Tensor) -> torch.Tensor:
        """log p / q, of q as it is."""
        return -(x**2) / 2 + ((x - m) / s) ** 2 / 2 + np.log(s)

    class Best:
        """Before the softplus: the logarithm of e^D - 1."""

        G = staticmethod(lambda z: theta[0] + theta[1] * z)
        D1 = staticmethod(lambda x: torch.expm1(alpha * log_ratio(x).exp()).log())
        D2 = staticmethod(lambda x: torch.expm1(beta * (-log_ratio(x)).exp()).log())

    loss = D2GAN(alpha=alpha, beta=beta).g_loss(Best, Batch(z, z, z))
    (found,) = torch.autograd.grad(loss, theta)
    mean, width = theta
    forward = width.log() + (1 + mean**2) / (2 * width**2) - 0.5
    backward = -width.log() + (width**2 + mean**2) / 2 - 0.5
    (expected,) = torch.autograd.grad(alpha * forward + beta * backward, theta, retain_graph=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)
    (one_way,) = torch.autograd.grad(beta * backward, theta)
    assert (one_way - expected).abs().min() > 0.04
    np.testing.assert_allclose(loss.item(), beta * (backward.item() + np.log(beta)) - alpha, atol=2e-3)


def test_log_softplus_far_out() -> None:
    x = torch.tensor([-1e4, -100.0, -20.0, 0.0, 50.0, 1e4], dtype=torch.float64, requires_grad=True)
    y = losses.log_softplus(x)
    expected = [-1e4, -100.0, np.log(np.log1p(np.exp(-20.0))), np.log(np.log(2)), np.log(50.0), np.log(1e4)]
    np.testing.assert_allclose(y.detach(), expected, rtol=1e-9)
    y.sum().backward()
    assert torch.isfinite(x.grad).all()
    np.testing.assert_allclose(x.grad[:2], 1.0)


def declaring() -> list[str]:
    """Those that say; not ``sn``, whose weights, divided by their norm, cannot be 0."""
    return [name for name in variants.own() if variants.load(name).equilibrium and name != "sn"]


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in declaring()), ("unrolled", {"metz": True})])
def test_losses_are_at_their_declared_equilibrium_where_d_says_the_same_of_everything(
    name: str, options: dict, small
) -> None:
    """D's weights are 0, so its output is one constant (of least squares: 1/2, half way between real and fake)."""
    s = small(variants.load(name)(**options))
    for network in s.nets.params:
        if judges(network):
            s.nets.params[network].zero_()
    if name == "lsgan":
        s.nets.params["D"][-1] = 0.5
    levels = s.variant.equilibrium
    found = {p.name: p.loss(s.nets, s.batch).item() for p in s.variant.players() if p.name in levels}
    assert found == pytest.approx(levels, abs=1e-6)
    assert len(declaring()) >= 15
