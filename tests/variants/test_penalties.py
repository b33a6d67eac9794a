"""Slope penalties against ``torch.autograd.grad`` sample by sample, and each variant's choice of points and target."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor, nn

from zoo import penalties
from zoo.game import Nets
from zoo.nets.kits import MLP
from zoo.variants.dragan import DRAGAN
from zoo.variants.instance_noise import InstanceNoise
from zoo.variants.js_reg import JSReg
from zoo.variants.ns import NonSaturating
from zoo.variants.r1 import R1
from zoo.variants.r3gan import R3GAN
from zoo.variants.wgan_gp import WGANGP
from zoo.variants.zero_gp import ZeroGP


def slopes(D: nn.Module, x: Tensor) -> np.ndarray:
    """|grad D| at each sample, one backward pass each."""
    lengths = []
    for sample in x.detach():
        point = sample[None].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(D(point).sum(), point)
        lengths.append(float(gradient.square().sum().sqrt()))
    return np.array(lengths)


def after(done: int, nets: Nets) -> Nets:
    """These networks when D has made so many steps."""
    state = {**nets.state["D"]["D"], "t": torch.tensor(float(done), dtype=torch.float64)}
    return Nets(nets.networks, nets.params, nets.state | {"D": {"D": state}}, nets.lr)


def sp(t: Tensor) -> np.ndarray:
    return np.log1p(np.exp(t.detach().numpy()))


def test_wgan_gp(small) -> None:
    s = small(WGANGP(lam=0.7))
    real, fake, u = s.batch.x, s.G(s.batch.z), s.batch.u
    between = u * fake + (1 - u) * real
    expected = (s.D(fake).mean() - s.D(real).mean()).item() + 0.7 * ((slopes(s.D, between) - 1) ** 2).mean()
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), expected, rtol=1e-10)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), -s.D(fake).mean().item(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(2,), (1, 3, 2)])
def test_dragan(small, shape: tuple[int, ...]) -> None:
    s = small(DRAGAN(lam=0.7), MLP(shape, latent=3, width=7, activation="tanh"))
    x, u = s.batch.x.numpy(), s.batch.u.numpy()
    assert u.shape == (6, 1 + x[0].size)
    alpha, noise = u[:, 0].reshape(6, *[1] * len(shape)), u[:, 1:].reshape(x.shape)
    around = torch.as_tensor(x + alpha * 0.5 * x.std() * noise)
    ns = sp(-s.D(s.batch.x)).mean() + sp(s.D(s.G(s.batch.z))).mean()
    expected = ns + 0.7 * ((slopes(s.D, around) - 1) ** 2).mean()
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), expected, rtol=1e-10)


def test_r1(small) -> None:
    s = small(R1(gamma=0.8))
    ns = sp(-s.D(s.batch.x)).mean() + sp(s.D(s.G(s.batch.z))).mean()
    expected = ns + 0.4 * (slopes(s.D, s.batch.x) ** 2).mean()
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), expected, rtol=1e-10)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), NonSaturating().g_loss(s.nets, s.batch))


def r3gan_loss(s, gamma: float) -> float:
    real, fake = s.batch.x, s.G(s.batch.z)
    penalty = (slopes(s.D, real) ** 2).mean() + (slopes(s.D, fake) ** 2).mean()
    return sp(-(s.D(real) - s.D(fake))).mean() + gamma / 2 * penalty


def test_r3gan(small) -> None:
    s = small(R3GAN(gamma=0.8))
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), r3gan_loss(s, 0.8), rtol=1e-10)
    real, fake = s.D(s.batch.x), s.D(s.G(s.batch.z))
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), sp(-(fake - real)).mean(), rtol=1e-10)


def test_r3gan_is_the_papers_game_with_d_turned_and_a_g_that_does_not_saturate(small) -> None:
    """Equations 2 and 3 with f(t) = -log(1 + e^-t): D raises L less the penalties, and so is high on samples; G would lower L = E log p."""
    s = small(R3GAN(gamma=0.8))
    x, fake = s.batch.x, s.G(s.batch.z)
    turned_x, turned_fake = (-s.D(v).detach().numpy() for v in (x, fake))
    f = -np.log1p(np.exp(-(turned_fake - turned_x)))
    penalties = 0.4 * ((slopes(s.D, x) ** 2).mean() + (slopes(s.D, fake) ** 2).mean())
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), -(f.mean() - penalties), rtol=1e-10)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), -np.log(1 - np.exp(f)).mean(), rtol=1e-10)
    assert abs(s.variant.g_loss(s.nets, s.batch).item() - f.mean()) > 0.1


@pytest.mark.parametrize(("done", "gamma"), [(0, 2.0), (5, 1.1), (10, 0.2), (25, 0.2)])
def test_r3gan_schedule(small, done: int, gamma: float) -> None:
    s = small(R3GAN(gamma=2.0, gamma_end=0.2, burn_in=10))
    np.testing.assert_allclose(s.variant.d_loss(after(done, s.nets), s.batch), r3gan_loss(s, gamma), rtol=1e-10)


def sigmoid(t: Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-t.detach().numpy()))


@pytest.mark.parametrize(("done", "gamma"), [(0, 0.8), (5, 0.08), (10, 0.008), (25, 0.008)])
def test_js_reg(small, done: int, gamma: float) -> None:
    """Algorithm 1 of the paper, with its released code's annealing gamma decay^(t / T)."""
    s = small(JSReg(gamma=0.8, decay_factor=0.01, steps=10))
    x, fake = s.batch.x, s.G(s.batch.z)
    real_part = ((1 - sigmoid(s.D(x))[:, 0]) ** 2 * slopes(s.D, x) ** 2).mean()
    fake_part = (sigmoid(s.D(fake))[:, 0] ** 2 * slopes(s.D, fake) ** 2).mean()
    expected = sp(-s.D(x)).mean() + sp(s.D(fake)).mean() + gamma / 2 * (real_part + fake_part)
    np.testing.assert_allclose(s.variant.d_loss(after(done, s.nets), s.batch), expected, rtol=1e-10)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), NonSaturating().g_loss(s.nets, s.batch))


def test_js_reg_keeps_its_weight_without_a_schedule(small) -> None:
    s = small(JSReg(gamma=0.8))
    at_start, late = (s.variant.d_loss(after(done, s.nets), s.batch) for done in (0, 1000))
    np.testing.assert_allclose(at_start, late, rtol=1e-14)


def test_zero_gp(small) -> None:
    """The slope of the probability, not of the logit: D' = D (1 - D) l'."""
    s = small(ZeroGP(lam=0.7))
    real, fake, u = s.batch.x, s.G(s.batch.z), s.batch.u
    between = u * real + (1 - u) * fake
    p = sigmoid(s.D(between))[:, 0]
    expected = sp(-s.D(real)).mean() + sp(s.D(fake)).mean() + 0.7 * ((p * (1 - p) * slopes(s.D, between)) ** 2).mean()
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), expected, rtol=1e-10)


@pytest.mark.parametrize(("done", "sigma"), [(0, 0.6), (5, 0.3), (10, 0.0), (25, 0.0)])
@pytest.mark.parametrize("shape", [(2,), (1, 3, 2)])
def test_instance_noise(small, shape: tuple[int, ...], done: int, sigma: float) -> None:
    s = small(InstanceNoise(sigma=0.6, steps=10), MLP(shape, latent=3, width=7, activation="tanh"))
    nets, fake, size = after(done, s.nets), s.G(s.batch.z), s.batch.x[0].numel()
    assert s.batch.u.shape == (6, 2 * size)
    e = sigma * torch.as_tensor(norm.ppf(s.batch.u.numpy()))
    x, seen = s.batch.x + e[:, :size].reshape(s.batch.x.shape), fake + e[:, size:].reshape(fake.shape)
    expected = sp(-s.D(x)).mean() + sp(s.D(seen)).mean()
    np.testing.assert_allclose(s.variant.d_loss(nets, s.batch), expected, rtol=1e-8)
    np.testing.assert_allclose(s.variant.g_loss(nets, s.batch), sp(-s.D(seen)).mean(), rtol=1e-8)


def test_gradient_through_a_penalty(small) -> None:
    """What D descends: the penalty's gradient with respect to its weights, by double backward."""
    s = small(R1(gamma=0.8))
    x = s.batch.x.clone().requires_grad_()
    (inner,) = torch.autograd.grad(s.D(x).sum(), x, create_graph=True)
    fake = s.G(s.batch.z).detach()
    loss = nn.functional.softplus(-s.D(x)).mean() + nn.functional.softplus(s.D(fake)).mean()
    loss = loss + 0.4 * inner.square().sum(1).mean()
    expected = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, s.weights("D"))])
    found = torch.func.grad(lambda theta: s.variant.d_loss(s.nets.bind(D=theta), s.batch))(s.nets.params["D"])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_flat_critic_has_a_finite_gradient() -> None:
    """A dead ReLU: the slope is exactly 0, where a norm's derivative is not defined."""
    w = torch.zeros(2)

    def loss(w: Tensor) -> Tensor:
        return penalties.unit_slope(lambda x: torch.relu(x @ w - 1), torch.randn(5, 2))

    gradient, value = torch.func.grad_and_value(loss)(w)
    torch.testing.assert_close(value, torch.tensor(1.0))
    assert torch.isfinite(gradient).all()
