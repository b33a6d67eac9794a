"""Whole rounds in the harness against a plain loop: ``.backward()``, ``detach()``, ``torch.optim``, each paper's losses written out once more.

What a formula alone does not show: whose weights move, in what order, on which batch, how often, and what is held fixed.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from zoo import variants
from zoo.harness import Game
from zoo.nets.kits import MLP
from zoo.recipe import Recipe
from zoo.variant import make

KIT = MLP((2,), latent=3, width=6, activation="tanh")
RECIPE = Recipe(rounds=9, batch=7, latent=3, lr_d=3e-2, lr_g=2e-2, b1=0.4, b2=0.9)
ROUNDS = 3


class Points:
    """Real data: four clusters in the plane."""

    shape = (2,)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        corner = 2.0 * torch.randint(0, 2, (n, 2), generator=generator) - 1
        return corner + 0.1 * torch.randn(n, 2, generator=generator)


class Turn(NamedTuple):
    """What a loss sees: D, real samples, fakes (without a graph in D's turn), the batch's uniform numbers, the steps that D has made."""

    D: Callable[[Tensor], Tensor]
    x: Tensor
    fake: Tensor
    u: Tensor
    t: int


Loss = Callable[[Turn], Tensor]


def yes(logits: Tensor) -> Tensor:
    return bce(logits, torch.ones_like(logits))


def no(logits: Tensor) -> Tensor:
    return bce(logits, torch.zeros_like(logits))


def slope(D: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """|grad D| at each point, with a graph to D's weights."""
    at = at.detach().requires_grad_()
    return torch.autograd.grad(D(at).sum(), at, create_graph=True)[0].norm(dim=1)


def gan(t: Turn) -> Tensor:
    return yes(t.D(t.x)) + no(t.D(t.fake))


def fool(t: Turn) -> Tensor:
    return yes(t.D(t.fake))


def relative(t: Turn) -> Tensor:
    return yes(t.D(t.x) - t.D(t.fake))


def relative_g(t: Turn) -> Tensor:
    return yes(t.D(t.fake) - t.D(t.x))


def average(t: Turn) -> Tensor:
    real, fake = t.D(t.x), t.D(t.fake)
    return yes(real - fake.mean()) + no(fake - real.mean())


def average_g(t: Turn) -> Tensor:
    real, fake = t.D(t.x), t.D(t.fake)
    return no(real - fake.mean()) + yes(fake - real.mean())


def critic(t: Turn) -> Tensor:
    return t.D(t.fake).mean() - t.D(t.x).mean()


def raise_critic(t: Turn) -> Tensor:
    return -t.D(t.fake).mean()


def hinge(t: Turn) -> Tensor:
    return (1 - t.D(t.x)).clamp(min=0).mean() + (1 + t.D(t.fake)).clamp(min=0).mean()


def lsgan(t: Turn) -> Tensor:
    return ((t.D(t.x) - 1) ** 2).mean() / 2 + (t.D(t.fake) ** 2).mean() / 2


def wgan_gp(t: Turn) -> Tensor:
    between = t.u * t.fake + (1 - t.u) * t.x
    return critic(t) + 0.3 * ((slope(t.D, between) - 1) ** 2).mean()


def r1(t: Turn) -> Tensor:
    return gan(t) + 0.7 / 2 * (slope(t.D, t.x) ** 2).mean()


def r3gan(t: Turn) -> Tensor:
    gamma = 0.2 + 0.8 * (1 + math.cos(math.pi * min(1, t.t / 2))) / 2
    return relative(t) + gamma / 2 * ((slope(t.D, t.x) ** 2).mean() + (slope(t.D, t.fake) ** 2).mean())


def zero_gp(t: Turn) -> Tensor:
    between = t.u * t.x + (1 - t.u) * t.fake
    return gan(t) + 0.9 * (slope(lambda x: torch.sigmoid(t.D(x)), between) ** 2).mean()


def dragan(t: Turn) -> Tensor:
    noise = t.u[:, :1] * 0.5 * t.x.std(unbiased=False) * t.u[:, 1:]
    return gan(t) + 0.6 * ((slope(t.D, t.x + noise) - 1) ** 2).mean()


def js_reg(t: Turn) -> Tensor:
    missed, taken = 1 - torch.sigmoid(t.D(t.x))[:, 0], torch.sigmoid(t.D(t.fake))[:, 0]
    reg = ((missed * slope(t.D, t.x)) ** 2 + (taken * slope(t.D, t.fake)) ** 2).mean()
    return gan(t) + 0.5 * 0.1 ** min(1, t.t / 2) / 2 * reg


def noisy(t: Turn) -> Turn:
    e = 0.4 * max(0, 1 - t.t / 4) * torch.distributions.Normal(0, 1).icdf(t.u)
    return t._replace(x=t.x + e[:, :2], fake=t.fake + e[:, 2:])


VARIANTS: dict[str, tuple[dict, Loss, Loss]] = {
    "vanilla": ({}, gan, lambda t: -no(t.D(t.fake))),
    "ns": ({}, gan, fool),
    "lsgan": ({}, lsgan, lambda t: ((t.D(t.fake) - 1) ** 2).mean() / 2),
    "hinge": ({}, hinge, raise_critic),
    "separate": ({}, lambda t: no(t.D(t.fake)) if t.t % 2 else yes(t.D(t.x)), fool),
    "rsgan": ({}, relative, relative_g),
    "ragan": ({}, average, average_g),
    "wgan": ({"n_critic": 3, "clip": 0.05}, critic, raise_critic),
    "wgan-gp": ({"n_critic": 2, "lam": 0.3}, wgan_gp, raise_critic),
    "r1": ({"gamma": 0.7}, r1, fool),
    "r3gan": ({"gamma": 1.0, "gamma_end": 0.2, "burn_in": 2}, r3gan, relative_g),
    "zero-gp": ({"lam": 0.9}, zero_gp, fool),
    "dragan": ({"lam": 0.6}, dragan, fool),
    "js-reg": ({"gamma": 0.5, "decay_factor": 0.1, "steps": 2}, js_reg, fool),
    "sn": ({"n_power": 4}, gan, fool),
    "instance-noise": ({"sigma": 0.4, "steps": 4}, lambda t: gan(noisy(t)), lambda t: fool(noisy(t))),
}


def divided(D: nn.Module) -> Callable[[Tensor], Tensor]:
    """D with each weight over u' W v, for u and v of four power iterations from ones, held fixed."""

    def weight(W: Tensor) -> Tensor:
        with torch.no_grad():
            v = torch.ones(W.shape[1], dtype=W.dtype)
            for _ in range(4):
                u = W @ v / (W @ v).norm()
                v = W.T @ u / (W.T @ u).norm()
        return W / (u @ W @ v)

    def judge(x: Tensor) -> Tensor:
        weights = {n: weight(p) if p.dim() == 2 else p for n, p in D.named_parameters()}
        return functional_call(D, weights, (x,))

    return judge


def weights(game: Game, params: dict[str, Tensor], letter: str) -> dict[str, Tensor]:
    """A network's weights by name, those under a spectral norm by the name that they have without it."""
    named = game.networks[letter].unflatten(params[letter][0]).items()
    return {key.replace("parametrizations.weight.original", "weight"): value.clone() for key, value in named}


@pytest.mark.parametrize("name", VARIANTS)
def test_rounds_are_those_of_a_plain_loop(name: str) -> None:
    options, d_loss, g_loss = VARIANTS[name]
    game = Game(make(variants.load(name), options), KIT, Points(), RECIPE, dtype=torch.float64)
    lanes, stream = game.build([3]), game.stream([3])
    D, G = KIT.discriminator().double(), KIT.generator().double()
    before = {letter: weights(game, lanes.moving[0], letter) for letter in "DG"}
    for net, letter in ((D, "D"), (G, "G")):
        net.load_state_dict(before[letter])

    rates = {"D": RECIPE.lr_d, "G": RECIPE.lr_g}
    if name == "wgan":
        opts = {k: torch.optim.RMSprop(n.parameters(), lr=rates[k]) for k, n in (("D", D), ("G", G))}
    else:
        opts = {k: torch.optim.Adam(n.parameters(), lr=rates[k], betas=(0.4, 0.9)) for k, n in (("D", D), ("G", G))}
    judge = divided(D) if name == "sn" else D
    batches: Iterator[int] = iter(range(100))
    steps, t = {"separate": 2, "wgan": 3, "wgan-gp": 2}.get(name, 1), 0

    def turn(letter: str, loss: Loss) -> None:
        x, z, u = (part[0] for part in stream[next(batches)])
        fake = G(z).detach() if letter == "D" else G(z)
        for opt in opts.values():
            opt.zero_grad()
        loss(Turn(judge, x, fake, u, t)).backward()
        opts[letter].step()

    for _ in range(ROUNDS):
        for _ in range(steps):
            turn("D", d_loss)
            t += 1
            if name == "wgan":
                with torch.no_grad():
                    for w in D.parameters():
                        w.clamp_(-0.05, 0.05)
        turn("G", g_loss)

    game.advance(lanes, stream, ROUNDS)
    for net, letter in ((D, "D"), (G, "G")):
        played = weights(game, lanes.moving[0], letter)
        assert max((played[key] - before[letter][key]).abs().max() for key in played) > 1e-3
        for key, expected in net.named_parameters():
            torch.testing.assert_close(played[key], expected.detach(), rtol=1e-7, atol=1e-9)
