"""MRGAN: both forms in numpy, and which way the mode regulariser pushes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.func import grad

from zoo.variants.mrgan import MRGAN


def p(logits: torch.Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.detach().numpy()))


def distance(s) -> float:
    return float((s.batch.x - s.G(s.E(s.batch.x))).detach().numpy().__pow__(2).mean())


def test_losses(small) -> None:
    s = small(MRGAN(lambda1=0.3, lambda2=0.9))
    again = s.G(s.E(s.batch.x))
    g_loss = -np.log(p(s.D(s.G(s.batch.z)))).mean() + 0.3 * distance(s) - 0.9 * np.log(p(s.D(again))).mean()
    d_loss = -np.log(p(s.D(s.batch.x))).mean() - np.log(1 - p(s.D(s.G(s.batch.z)))).mean()
    D, G = s.variant.players()
    np.testing.assert_allclose(G.loss(s.nets, s.batch), g_loss, rtol=1e-12)
    np.testing.assert_allclose(D.loss(s.nets, s.batch), d_loss, rtol=1e-12)
    assert G.networks == ["G", "E"]


def test_diffusion_losses(small) -> None:
    s = small(MRGAN(lambda1=0.3, lambda2=0.9, diffusion=True))
    x, again, fake = s.batch.x, s.G(s.E(s.batch.x)), s.G(s.batch.z)
    expected = {
        "D_M": -np.log(p(s.D_M(x))).mean() - np.log(1 - p(s.D_M(again))).mean(),
        "manifold": 0.3 * distance(s) - 0.9 * np.log(p(s.D_M(again))).mean(),
        "D_D": -np.log(p(s.D_D(again))).mean() - np.log(1 - p(s.D_D(fake))).mean(),
        "diffusion": -np.log(p(s.D_D(fake))).mean(),
    }
    found = {player.name: float(player.loss(s.nets, s.batch)) for player in s.variant.players()}
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)


def believed(s, theta: torch.Tensor) -> torch.Tensor:
    """D(G(E(x))) with G at ``theta``."""
    nets = s.nets.bind(G=theta)
    return torch.sigmoid(nets.D(nets.G(nets.E(s.batch.x))))


def test_the_sign_trap(small) -> None:
    """A step against the regulariser's slope raises D(G(E(x))); the printed sign would lower it."""
    s = small(MRGAN(lambda1=0, lambda2=1))
    start = s.nets.params["G"]
    slope = grad(lambda theta: s.variant.regulariser(s.nets.bind(G=theta), s.batch, s.nets.D))(start)
    assert believed(s, start - 0.01 * slope).mean() > believed(s, start).mean()


@pytest.mark.parametrize("port", [lambda D: D.log(), lambda D: -(1 - D).log()], ids=["wiseodd", "hannesdm"])
def test_both_ports_push_the_other_way(small, port: Callable[[torch.Tensor], torch.Tensor]) -> None:
    s = small(MRGAN(lambda1=0, lambda2=1))
    start = s.nets.params["G"]
    slope = grad(lambda theta: port(believed(s, theta)).mean())(start)
    assert believed(s, start - 0.01 * slope).mean() < believed(s, start).mean()
