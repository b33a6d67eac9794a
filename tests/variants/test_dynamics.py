"""The variants that are an update: a round against the algorithm written out on lists of weights with ``torch.autograd``."""

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import softplus

from zoo.game import play
from zoo.optim import Adam
from zoo.variants.consensus import Consensus
from zoo.variants.extragradient import Extragradient
from zoo.variants.lookahead import Lookahead
from zoo.variants.ns import NonSaturating
from zoo.variants.ogda import OGDA

LR = 1e-2
Weights = dict[str, Tensor]


def weights(s, name: str) -> Weights:
    return {n: w.detach().clone().requires_grad_() for n, w in s.modules[name].named_parameters()}


def losses(s, D: Weights, G: Weights) -> tuple[Tensor, Tensor]:
    fake = functional_call(s.G, G, (s.batch.z,))
    real, judged = functional_call(s.D, D, (s.batch.x,)), functional_call(s.D, D, (fake,))
    return softplus(-real).mean() + softplus(judged).mean(), softplus(-judged).mean()


def flat(w: Weights) -> Tensor:
    return torch.cat([t.detach().reshape(-1) for t in w.values()])


def close(nets, D: Weights, G: Weights) -> None:
    torch.testing.assert_close(nets.params["D"], flat(D), rtol=1e-8, atol=1e-11)
    torch.testing.assert_close(nets.params["G"], flat(G), rtol=1e-8, atol=1e-11)


def test_consensus(small) -> None:
    s = small(Consensus(gamma=3.0), lr=LR)
    nets = s.nets
    D, G = weights(s, "D"), weights(s, "G")
    square = {id(w): torch.zeros_like(w) for w in [*D.values(), *G.values()]}
    for _ in range(2):
        nets, _ = play(s.variant.players(), s.variant.simultaneous, nets, [s.batch])
        d, g = losses(s, D, G)
        v_d = torch.autograd.grad(d, list(D.values()), create_graph=True)
        v_g = torch.autograd.grad(g, list(G.values()), create_graph=True)
        R = 0.5 * sum(v.square().sum() for v in (*v_d, *v_g))
        both = [*D.values(), *G.values()]
        steps = [v.detach() + 3.0 * j for v, j in zip((*v_d, *v_g), torch.autograd.grad(R, both), strict=True)]
        with torch.no_grad():
            for w, step in zip(both, steps, strict=True):
                square[id(w)] = 0.99 * square[id(w)] + 0.01 * step**2
                w -= LR * step / (square[id(w)].sqrt() + 1e-8)
        close(nets, D, G)


def adam(w: Weights, grads: tuple[Tensor, ...], state: dict) -> list[Tensor]:
    """Adam's steps (to be subtracted), written out; advances ``state``."""
    state["t"] = t = state.get("t", 0) + 1
    steps = []
    for (name, value), g in zip(w.items(), grads, strict=True):
        m, v = state.get(name, (torch.zeros_like(value), torch.zeros_like(value)))
        m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g * g
        state[name] = m.detach(), v.detach()
        steps.append((LR * m / (1 - 0.5**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)).detach())
    return steps


def move(w: Weights, steps: list[Tensor]) -> Weights:
    return {n: (t - u).detach().requires_grad_() for (n, t), u in zip(w.items(), steps, strict=True)}


def slopes(s, D: Weights, G: Weights) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    d, g = losses(s, D, G)
    return (
        torch.autograd.grad(d, list(D.values()), retain_graph=True),
        torch.autograd.grad(g, list(G.values())),
    )


def test_extragradient(small) -> None:
    s = small(Extragradient(), lr=LR)
    nets, (D, G) = s.nets, (weights(s, "D"), weights(s, "G"))
    state: tuple[dict, dict] = ({}, {})
    for _ in range(3):
        nets, _ = play(s.variant.players(), s.variant.simultaneous, nets, [s.batch])
        g_d, g_g = slopes(s, D, G)
        look_D, look_G = move(D, adam(D, g_d, dict(state[0]))), move(G, adam(G, g_g, dict(state[1])))
        g_d, g_g = slopes(s, look_D, look_G)
        D, G = move(D, adam(D, g_d, state[0])), move(G, adam(G, g_g, state[1]))
        close(nets, D, G)


def test_extragradient_converges_where_gradient_descent_circles() -> None:
    """min_G max_D of a bilinear game: the defining example. Played by the variant's own ``players`` with plain gradient steps."""
    from dataclasses import dataclass, replace

    from zoo.game import Batch, Nets, Network
    from zoo.optim import SGD

    @dataclass(frozen=True)
    class Bilinear(Extragradient):
        def d_loss(self, nets: Nets, batch: Batch) -> Tensor:
            return -(nets.params["D"] * nets.params["G"]).sum()

        def g_loss(self, nets: Nets, batch: Batch) -> Tensor:
            return (nets.params["D"] * nets.params["G"]).sum()

    game = Bilinear()
    networks = {n: Network(torch.nn.Linear(1, 1, bias=False)) for n in "DG"}
    start = {n: torch.ones(1, dtype=torch.float64) for n in "DG"}
    rate = {n: torch.tensor(0.3, dtype=torch.float64) for n in "DG"}
    nets = Nets(networks, start, {n: {n: {}} for n in "DG"}, rate, {n: SGD() for n in "DG"})
    plain, players = nets, [replace(p, optimiser=SGD()) for p in (game.discriminator, game.generator)]
    nothing = Batch(*torch.zeros(3, 1, 1, dtype=torch.float64))
    for _ in range(200):
        nets, _ = play(game.players(), True, nets, [nothing])
        plain, _ = play(players, True, plain, [nothing])
    assert sum(t.abs() for t in nets.params.values()) < 1e-3
    assert sum(t.abs() for t in plain.params.values()) > 10


def test_optimistic_adam(small) -> None:
    s = small(OGDA(), lr=LR)
    nets, (D, G) = s.nets, (weights(s, "D"), weights(s, "G"))
    state: tuple[dict, dict] = ({}, {})
    last_d, last_g = [0.0] * len(D), [0.0] * len(G)
    for _ in range(3):
        nets, _ = play(s.variant.players(), s.variant.simultaneous, nets, [s.batch] * 2)
        u = adam(D, slopes(s, D, G)[0], state[0])
        D, last_d = move(D, [2 * a - b for a, b in zip(u, last_d, strict=True)]), u
        u = adam(G, slopes(s, D, G)[1], state[1])
        G, last_g = move(G, [2 * a - b for a, b in zip(u, last_g, strict=True)]), u
        close(nets, D, G)


@pytest.mark.parametrize("k", [1, 3])
def test_lookahead(small, k: int) -> None:
    s, base = small(Lookahead(k=k, alpha=0.3), lr=LR), NonSaturating()
    nets, fast = s.nets, s.nets
    slow = dict(s.nets.params)
    for i in range(1, 8):
        nets, _ = play(s.variant.players(), s.variant.simultaneous, nets, [s.batch] * 3)
        fast, _ = play(base.players(), base.simultaneous, fast, [s.batch] * 2)
        if i % k == 0:
            slow = {n: slow[n] + 0.3 * (fast.params[n] - slow[n]) for n in slow}
            fast = fast.bind(**slow)
        for n in "DG":
            torch.testing.assert_close(nets.params[n], fast.params[n], rtol=1e-12, atol=1e-12)
    assert isinstance(s.variant.players()[0].optimiser, Adam)
