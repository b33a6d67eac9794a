"""What evaluations tell of D: by hand from its modules; each seed's own; nothing where D gives no probability; and players' turns."""

from __future__ import annotations

import torch
from torch.nn.functional import sigmoid

from zoo.diagnostics import diagnose
from zoo.engines.tracing import Mapped
from zoo.harness import Game
from zoo.nets.kits import MLP
from zoo.recipe import Recipe
from zoo.variant import Variant
from zoo.variants.lsgan import LSGAN
from zoo.variants.ns import NonSaturating
from zoo.variants.pacgan import PacGAN
from zoo.variants.separate import Separate
from zoo.variants.wgan import WGAN


class Line:
    """Real data: N(1, 1) on a line."""

    shape = (1,)

    def sample(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        return torch.randn(n, 1, generator=generator) + 1


def game(variant: Variant, **changes: object) -> Game:
    recipe = Recipe(rounds=4, batch=200, latent=2, width=5, lr_d=0.05, **changes)
    return Game(variant, MLP((1,), 2, 5, activation="tanh"), Line(), recipe, dtype=torch.float64, engine=Mapped())


def test_accuracies_are_those_of_each_seed_s_own_d_over_the_next_batches() -> None:
    g = game(NonSaturating())
    lanes, stream = g.build([3, 8]), g.stream([3, 8])
    g.advance(lanes, stream, 4)
    told = diagnose(g, lanes, stream)
    assert {name: values.shape for name, values in told.items()} == dict.fromkeys(told, (2,))
    for i in range(2):
        judge, make = (lambda x, n=n, i=i: g.networks[n](lanes.moving[0][n][i], x) for n in "DG")
        batches = [stream[lanes.played * 2 + b] for b in range(3)]  # 600 samples: 512 in whole batches of 200
        real = sigmoid(torch.cat([judge(b.x[i]) for b in batches]))
        fake = sigmoid(torch.cat([judge(make(b.z[i])) for b in batches]))
        expected = [(real > 0.5).double().mean(), (fake < 0.5).double().mean(), real.mean(), fake.mean()]
        names = ("real_accuracy", "fake_accuracy", "real_output", "fake_output")
        torch.testing.assert_close([told[n][i] for n in names], expected)


def test_a_d_that_cannot_tell_says_one_half_and_one_that_can_is_right() -> None:
    for variant, half in ((NonSaturating(), 0.0), (LSGAN(), 0.5), (PacGAN(), 0.0)):
        g = game(variant)
        lanes, stream = g.build([0]), g.stream([0])
        weights = g.networks["D"].unflatten(lanes.moving[0]["D"][0].zero_())
        weights["1.bias"].fill_(half)
        told = diagnose(g, lanes, stream)
        assert float(told["real_output"]) == float(told["fake_output"]) == 0.5
        weights["1.bias"].fill_(half + 9)  # everything is real
        told = diagnose(g, lanes, stream)
        assert (float(told["real_accuracy"]), float(told["fake_accuracy"])) == (1, 0)


def test_a_critic_tells_nothing() -> None:
    g = game(WGAN())
    assert diagnose(g, g.build([0, 1]), g.stream([0, 1])) == {}


def test_g_steps_are_turns_of_g_alone() -> None:
    g = game(WGAN(), g_steps=2)
    assert {p.name: p.steps for p in g.players} == {"D": 5, "G": 2}
    assert (len(g.turns), g.draws) == (7, 7)
    lanes, stream = g.build([0]), g.stream([0])
    g.advance(lanes, stream, 3)
    assert game(NonSaturating(), g_steps=3).draws == 4


def test_separate_steps_are_adam_on_real_then_on_fake() -> None:
    g = game(Separate())
    lanes, stream = g.build([5]), g.stream([5])
    d = MLP((1,), 2, 5, activation="tanh").discriminator().double()
    with torch.no_grad():
        for p, q in zip(d.parameters(), g.networks["D"].unflatten(lanes.moving[0]["D"][0]).values(), strict=True):
            p.copy_(q)
    fakes = g.networks["G"](lanes.moving[0]["G"][0], stream[1].z[0])
    adam = torch.optim.Adam(d.parameters(), lr=0.05, betas=(0.5, 0.999))
    bce = torch.nn.BCEWithLogitsLoss()
    reported = []
    for x, target in ((stream[0].x[0], 1.0), (fakes, 0.0)):
        logits = d(x)
        loss = bce(logits, torch.full_like(logits, target))
        adam.zero_grad()
        loss.backward()
        adam.step()
        reported.append(loss.detach())
    g.advance(lanes, stream, 1)
    torch.testing.assert_close(lanes.moving[0]["D"][0], torch.cat([p.detach().flatten() for p in d.parameters()]))
    torch.testing.assert_close(lanes.losses[0][0, 0, 0], torch.stack(reported).mean())
