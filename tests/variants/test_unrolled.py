"""UnrolledGAN against a look-ahead written by hand: list of weight tensors, Adam spelt out, ``torch.autograd.grad`` through it."""

import math

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad

from zoo.game import play
from zoo.variants.ns import NonSaturating
from zoo.variants.unrolled import Unrolled
from zoo.variants.vanilla import Vanilla

LR, B1, B2, EPS = 1e-2, 0.5, 0.999, 1e-8


def d_loss(s, D: list[Tensor], fake: Tensor) -> Tensor:
    names = [n for n, _ in s.D.named_parameters()]

    def p(x: Tensor) -> Tensor:
        return torch.sigmoid(functional_call(s.D, dict(zip(names, D, strict=True)), (x,)))

    return -p(s.batch.x).log().mean() - (1 - p(fake)).log().mean()


def g_loss(s, D: list[Tensor], fake: Tensor) -> Tensor:
    names = [n for n, _ in s.D.named_parameters()]
    return -torch.sigmoid(functional_call(s.D, dict(zip(names, D, strict=True)), (fake,))).log().mean()


def by_hand(s, k: int, moments: list[tuple[Tensor, Tensor]], t: int, metz: bool) -> Tensor:
    """The generator's gradient, one flat vector."""
    fake = s.G(s.batch.z)
    D = [w.detach().requires_grad_() for w in s.D.parameters()]
    for _ in range(k):
        t += 1
        slopes = torch.autograd.grad(d_loss(s, D, fake), D, create_graph=True)
        moments = [
            (B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g * g) for (m, v), g in zip(moments, slopes, strict=True)
        ]
        D = [
            w - LR * (m / (1 - B1**t)) / (torch.sqrt(v / (1 - B2**t)) + EPS)
            for w, (m, v) in zip(D, moments, strict=True)
        ]
    loss = -d_loss(s, D, fake) if metz else g_loss(s, D, fake)
    return torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(s.G.parameters()))])


def slope(s, nets) -> Tensor:
    return grad(lambda theta: s.variant.g_loss(nets.bind(G=theta), s.batch))(nets.params["G"])


@pytest.mark.parametrize("metz", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_gradient_through_fresh_adam(small, k: int, metz: bool) -> None:
    s = small(Unrolled(k=k, metz=metz))
    still = [(torch.zeros_like(w), torch.zeros_like(w)) for w in s.D.parameters()]
    torch.testing.assert_close(slope(s, s.nets), by_hand(s, k, still, 0, metz), rtol=1e-8, atol=1e-12)


def test_gradient_through_live_adam(small) -> None:
    s = small(Unrolled(k=2))
    nets = s.nets
    for _ in range(4):
        nets, _ = nets.descend(s.variant.discriminator, s.batch)
    state, network = nets.state["D"]["D"], nets.networks["D"]
    with torch.no_grad():
        for w, value in zip(s.D.parameters(), network.unflatten(nets.params["D"]).values(), strict=True):
            w.copy_(value)
    moments = list(zip(network.unflatten(state["m"]).values(), network.unflatten(state["v"]).values(), strict=True))
    expected = by_hand(s, 2, moments, 4, metz=False)
    torch.testing.assert_close(slope(s, nets), expected, rtol=1e-8, atol=1e-12)
    fresh = [(m * 0, v * 0) for m, v in moments]
    assert (by_hand(s, 2, fresh, 0, metz=False) - expected).norm() > 1e-3 * expected.norm()  # the live moments matter


@pytest.mark.parametrize(("variant", "base"), [(Unrolled(k=0), NonSaturating()), (Unrolled(k=0, metz=True), Vanilla())])
def test_no_look_ahead_is_the_base(small, variant, base) -> None:
    ours, theirs = small(variant), small(base)
    moved, _ = play(variant.players(), variant.simultaneous, ours.nets, [ours.batch] * 2)
    at_once = base.name == "vanilla"  # as Metz et al.'s notebook moves them
    expected, _ = play(base.players(), at_once, theirs.nets, [theirs.batch] * 2)
    for name in ("G", "D"):
        torch.testing.assert_close(moved.params[name], expected.params[name], rtol=0, atol=1e-12)


def test_looking_ahead_leaves_d_where_it_is(small) -> None:
    s = small(Unrolled(k=3))
    after, _ = s.nets.descend(s.variant.generator, s.batch)
    assert after.params["D"] is s.nets.params["D"]
    assert after.state["D"] is s.nets.state["D"]
    assert not math.isclose(float(after.params["G"].sum()), float(s.nets.params["G"].sum()))
