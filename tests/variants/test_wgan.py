"""WGAN: the critic's estimate, clipping in every step (inside ``descend`` and inside a round), RMSprop as torch's."""

import torch
from torch.func import functional_call

from zoo.game import play
from zoo.variants.wgan import WGAN


def test_losses(small) -> None:
    s = small(WGAN())
    real, fake = s.D(s.batch.x).mean(), s.D(s.G(s.batch.z)).mean()
    torch.testing.assert_close(s.variant.d_loss(s.nets, s.batch), fake - real)
    torch.testing.assert_close(s.variant.g_loss(s.nets, s.batch), -fake)


def test_a_round_against_torch_rmsprop(small) -> None:
    s = small(WGAN(n_critic=3, clip=0.05), lr=5e-3)
    played, _ = play(s.variant.players(), s.variant.simultaneous, s.nets, [s.batch] * 4)
    d, g = (torch.optim.RMSprop(s.modules[n].parameters(), lr=5e-3) for n in "DG")
    for _ in range(3):
        d.zero_grad()
        (s.D(s.G(s.batch.z).detach()).mean() - s.D(s.batch.x).mean()).backward()
        d.step()
        with torch.no_grad():
            for w in s.D.parameters():
                w.clamp_(-0.05, 0.05)
    g.zero_grad()
    (-s.D(s.G(s.batch.z)).mean()).backward()
    g.step()
    for name in "DG":
        expected = torch.cat([w.detach().reshape(-1) for w in s.weights(name)])
        torch.testing.assert_close(played.params[name], expected, rtol=1e-9, atol=1e-12)
        assert not torch.equal(expected, s.nets.params[name])


def test_the_clip_holds_inside_descend(small) -> None:
    s = small(WGAN(clip=0.01))
    assert s.nets.params["D"].abs().max() > 0.01
    seen = []

    def look(
        theta: torch.Tensor,
    ) -> torch.Tensor:  # a loss that looks ahead through the critic's step, as UnrolledGAN would
        ahead, _ = s.nets.bind(G=theta).descend(s.variant.discriminator, s.batch)
        seen.append(ahead.params["D"].detach().abs().max())
        return s.variant.g_loss(ahead.bind(G=theta), s.batch)

    torch.func.grad(look)(s.nets.params["G"])
    assert float(seen[0]) <= 0.01
    bounded = s.nets.networks["D"].unflatten(s.variant.clipped(s.nets.params["D"]))
    assert functional_call(s.D, bounded, (s.batch.x,)).abs().max() < s.D(s.batch.x).abs().max()
