"""Spectral normalisation: sigma against the SVD, the gradient with u and v held fixed, D's slope bounded."""

import pytest
import torch
from torch import nn

from zoo.nets.kits import MLP, Conv
from zoo.nets.layers import SpectralNorm, spectrally_normalised
from zoo.variants.sn import SN


@pytest.mark.parametrize("shape", [(1, 20), (20, 2), (64, 64), (8, 4, 3, 3)])
def test_sigma_is_nearly_the_largest_singular_value(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    W = torch.randn(*shape).double()
    left = torch.linalg.matrix_norm(SpectralNorm(10)(W).flatten(1), ord=2)
    assert 1 - 1e-9 <= left < 1.06  # an iteration cut short finds a sigma slightly too small
    exact = torch.linalg.matrix_norm(SpectralNorm(1000)(W).flatten(1), ord=2)
    torch.testing.assert_close(exact, torch.ones_like(exact), rtol=1e-6, atol=0)


def test_gradient_is_the_papers() -> None:
    """Equation 12: d(W / sigma)/dW applied to A is (A - <A, W_SN> u v^T) / sigma, where u and v do not depend on W."""
    torch.manual_seed(0)
    W, A = torch.randn(5, 4).double().requires_grad_(), torch.randn(5, 4).double()
    (found,) = torch.autograd.grad((SpectralNorm(500)(W) * A).sum(), W)
    U, S, V = torch.linalg.svd(W.detach())
    expected = (A - (A * W.detach() / S[0]).sum() * torch.outer(U[:, 0], V[0])) / S[0]
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kit", [MLP((2,), 3, width=8), Conv((1, 8, 8), 3, width=4)])
def test_every_layer_of_d_and_no_layer_of_g(kit) -> None:
    nets = SN().nets(kit)
    layers = [m for m in nets["D"].modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) == 3
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2) < 1.06
    assert not any(hasattr(m, "parametrizations") for m in nets["G"].modules())


def test_weights_scale_out(small) -> None:
    s = small(SN())
    scaled = spectrally_normalised(MLP((2,), 3, width=7, activation="tanh").discriminator(), 10).double()
    scaled.load_state_dict({k: v * (7 if "original" in k else 1) for k, v in s.D.state_dict().items()})
    torch.testing.assert_close(scaled(s.batch.x), s.D(s.batch.x))
