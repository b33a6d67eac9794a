"""PresGAN: losses in numpy, the chain against a posterior known in closed form, the entropy's gradient."""

import numpy as np
import torch
from scipy.stats import norm
from torch import nn

from zoo import losses
from zoo.game import Batch, Nets, Network
from zoo.nets.kits import MLP
from zoo.nets.layers import Scale
from zoo.variants.presgan import PresGAN


def test_normal_is_the_quantile_function() -> None:
    u = torch.linspace(0.001, 0.999, 50, dtype=torch.float64)
    np.testing.assert_allclose(losses.normal(u), norm.ppf(u.numpy()), rtol=1e-7, atol=1e-12)
    assert torch.isfinite(losses.normal(torch.tensor([0.0, 1.0]))).all()


def noise(s) -> np.ndarray:
    sigma = np.log1p(np.exp(s.S.raw.detach().numpy()))
    return sigma * norm.ppf(s.batch.u[:, -2:].numpy())


def test_losses(small) -> None:
    s = small(PresGAN(lam=0.3))
    sigma, fake = np.log1p(np.exp(s.S.raw.detach().numpy())), s.G(s.batch.z).detach().numpy()
    judged = [s.D(torch.as_tensor(x + noise(s))).detach().numpy() for x in (s.batch.x.numpy(), fake)]
    d_loss = np.log1p(np.exp(-judged[0])).mean() + np.log1p(np.exp(judged[1])).mean()
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), d_loss, rtol=1e-6)
    x = fake + noise(s)
    c = (x - s.variant.explained(s.nets, torch.as_tensor(x), s.batch).numpy()) / sigma**2
    g_loss = np.log1p(np.exp(-judged[1])).mean() - 0.3 * (c * x).sum(1).mean()
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), g_loss, rtol=1e-6)


def test_g_and_sigma_are_moved_with_the_posterior_s_mean_held(small) -> None:
    """c is a number: neither the chain nor x~ within it passes a gradient, to G or to sigma."""
    s = small(PresGAN(lam=0.3))
    eta = torch.as_tensor(norm.ppf(s.batch.u[:, -2:]))
    sigma = torch.nn.functional.softplus(s.S.raw)
    x = s.G(s.batch.z) + sigma * eta
    c = (x - s.variant.explained(s.nets, x.detach(), s.batch)).detach() / sigma.detach() ** 2
    loss = torch.nn.functional.softplus(-s.D(x)).mean() - 0.3 * (c * x).sum(1).mean()
    found = torch.func.grad(lambda own: s.variant.g_loss(s.nets.bind(**own), s.batch))(
        {n: s.nets.params[n] for n in "GS"}
    )
    for name in "GS":
        wanted = torch.autograd.grad(loss, s.weights(name), retain_graph=True)
        torch.testing.assert_close(found[name], torch.cat([w.flatten() for w in wanted]), rtol=1e-5, atol=1e-8)


def linear_game(n: int, variant: PresGAN) -> tuple[nn.Linear, Nets, Batch]:
    torch.manual_seed(0)
    modules = {"G": nn.Linear(2, 2).double(), "S": Scale((2,), 0.5).double()}
    networks = {name: Network(m) for name, m in modules.items()}
    nets = Nets(networks, {k: networks[k].flatten(m) for k, m in modules.items()}, {}, {})
    u = torch.rand(n, variant.uniforms(MLP((2,), latent=2, width=1)), dtype=torch.float64)
    return modules["G"], nets, Batch(torch.zeros(n, 2).double(), torch.randn(n, 2).double(), u)


def test_the_chain_finds_the_posterior_of_a_linear_generator() -> None:
    """x = W z + b + sigma eta has E[z | x] = (W^T W / sigma^2 + I)^-1 W^T (x - b) / sigma^2."""
    variant = PresGAN(burn_in=30, draws=30, step=0.5)
    G, nets, batch = linear_game(2000, variant)
    W, b, sigma = G.weight.detach(), G.bias.detach(), nets.S().detach()[0]
    x = torch.tensor([1.5, -1.0]).double()
    mean = torch.linalg.solve(W.T @ W / sigma**2 + torch.eye(2).double(), W.T @ (x - b) / sigma**2)
    found = variant.explained(nets, x.expand(2000, 2), batch).mean(0).detach()
    prior = (W @ batch.z.mean(0) + b).detach()
    expected = W @ mean + b
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    assert (prior - expected).abs().max() > 0.2  # staying where the chain starts would not pass


def test_the_entropy_s_gradient_is_that_of_a_gaussian() -> None:
    """x ~ N(b, W W^T + sigma^2 I): dH/dW = (W W^T + sigma^2 I)^-1 W, once the chain has forgotten the latent that it starts at."""
    variant = PresGAN(burn_in=5, draws=20, step=0.5)
    G, nets, batch = linear_game(20000, variant)

    def entropy(theta: torch.Tensor) -> torch.Tensor:
        moved = nets.bind(G=theta)
        x = moved.G(batch.z) + variant.noise(nets, batch)
        c = (x - variant.explained(nets, x, batch)) / nets.S().square()
        return (c.detach() * x).sum(1).mean()

    found = nets.networks["G"].unflatten(torch.func.grad(entropy)(nets.params["G"]))["weight"]
    W, sigma = G.weight.detach(), nets.S().detach()[0]
    expected = torch.linalg.solve(W @ W.T + sigma**2 * torch.eye(2).double(), W)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.03)
    assert expected.abs().max() > 0.3
