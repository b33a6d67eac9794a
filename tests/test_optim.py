"""The pure optimisers against torch.optim, and what only they can do: be differentiated through."""

import pytest
import torch
from torch import Tensor

from zoo.optim import SGD, Adam, Optimiser, RMSprop

CASES = {
    "adam": (Adam(b1=0.5, b2=0.999), lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.5, 0.999))),
    "adam without first moment": (Adam(b1=0.0, b2=0.99), lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.0, 0.99))),
    "rmsprop": (RMSprop(alpha=0.99), lambda p: torch.optim.RMSprop(p, lr=1e-2, alpha=0.99)),
    "sgd": (SGD(), lambda p: torch.optim.SGD(p, lr=1e-2)),
    "sgd with momentum": (SGD(momentum=0.9), lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9)),
}


def gradient(theta: Tensor) -> Tensor:
    """Of an uneven bowl with a ripple."""
    return 2 * theta * torch.linspace(0.1, 3, theta.shape[-1], dtype=theta.dtype) + torch.sin(5 * theta)


@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_equal_torch_optim(case: str) -> None:
    optimiser, make = CASES[case]
    theta = torch.randn(20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    reference = theta.clone().requires_grad_()
    theirs, state, lr = make([reference]), optimiser.init(theta), torch.tensor(1e-2, dtype=torch.float64)
    for _ in range(50):
        theta, state = optimiser.step(theta, gradient(theta), state, lr)
        reference.grad = gradient(reference.detach())
        theirs.step()
    torch.testing.assert_close(theta, reference.detach(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimiser", [Adam(), RMSprop(), SGD(), SGD(0.9)], ids=str)
def test_stacked_lanes_equal_single_ones_with_their_own_rates(optimiser: Optimiser) -> None:
    thetas = torch.randn(3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rates = torch.tensor([1e-3, 1e-2, 1e-1], dtype=torch.float64)
    stacked, state = thetas, optimiser.init(thetas)
    singles = [(t, optimiser.init(t)) for t in thetas]
    for _ in range(4):
        stacked, state = optimiser.step(stacked, gradient(stacked), state, rates)
        singles = [optimiser.step(t, gradient(t), s, lr) for (t, s), lr in zip(singles, rates, strict=True)]
    torch.testing.assert_close(stacked, torch.stack([t for t, _ in singles]), rtol=1e-14, atol=0)


@pytest.mark.parametrize("optimiser", [Adam(), RMSprop(), SGD(0.9)], ids=str)
def test_derivative_through_two_steps_equals_a_finite_difference(optimiser: Optimiser) -> None:
    theta = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    lr = torch.tensor(0.05, dtype=torch.float64)

    def after(shift: Tensor) -> Tensor:
        t, s = theta, optimiser.init(theta)
        for _ in range(2):
            t, s = optimiser.step(t, gradient(t) + shift, s, lr)
        return t.square().sum()

    assert torch.autograd.gradcheck(after, torch.full((5,), 0.3, dtype=torch.float64, requires_grad=True))


def test_adam_is_differentiable_where_a_gradient_is_exactly_zero() -> None:
    """Dead ReLU units have zero gradient; without eps_root the derivative of the step is NaN there."""

    def slope(eps_root: float) -> Tensor:
        adam, g = Adam(eps_root=eps_root), torch.zeros(3, requires_grad=True)
        theta, _ = adam.step(torch.ones(3), g * 2, adam.init(torch.ones(3)), torch.tensor(1e-3))
        return torch.autograd.grad(theta.sum(), g)[0]

    assert slope(1e-30).isfinite().all()
    assert slope(0.0).isnan().all()
