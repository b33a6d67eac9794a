"""Self-conditioned GAN: losses in numpy, clusters that find blobs, samples shared out by the clusters' shares."""

import numpy as np
import torch

from zoo.game import play
from zoo.variants.selfcond import SelfConditioned


def test_losses(small) -> None:
    s = small(SelfConditioned(k=3))
    phi = s.D(s.batch.x)[0].detach().numpy()
    centres = phi[[0, 2, 4]] + 0.1 * np.random.default_rng(0).normal(size=phi[:3].shape)
    flat = torch.cat([torch.as_tensor(centres).reshape(-1), torch.zeros(3).double()])
    nets = s.nets.bind(C=flat)
    d = np.array([[((p - c) ** 2).sum() for c in centres] for p in phi])
    y = d.argmin(1)
    assert len(set(y)) > 1
    fake = s.G(torch.cat([s.batch.z, torch.as_tensor(np.eye(3)[y])], 1))
    real, fake = (s.D(x)[1].detach().numpy()[np.arange(6), y] for x in (s.batch.x, fake))
    d_loss = np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean()
    expected = {
        "D": d_loss,
        "G": np.log1p(np.exp(-fake)).mean(),
        "C": d.min(1).mean() + d.min(0).mean() + np.log(3),  # the shares start equal
    }
    for player in s.variant.players():
        np.testing.assert_allclose(player.loss(nets, s.batch), expected[player.name], rtol=1e-10)


def test_centres_and_shares_follow_the_features(small) -> None:
    s = small(SelfConditioned(k=2), batch=8, lr=0.05)
    x = torch.tensor([[3.0, 3.0]] * 6 + [[-3.0, -3.0]] * 2).double()  # two blobs, 3 to 1
    batch, nets = s.batch._replace(x=x), s.nets
    (cluster,) = [p for p in s.variant.players() if p.name == "C"]
    for _ in range(400):
        nets, _ = play([cluster], False, nets, [batch])
    assert s.variant.distances(nets, batch).min(1).values.max() < 1e-2
    shares = torch.softmax(nets.C()[1], 0).detach()
    torch.testing.assert_close(shares.sort().values, torch.tensor([0.25, 0.75]).double(), atol=0.02, rtol=0)


def test_samples_are_shared_out(small) -> None:
    s = small(SelfConditioned(k=3))
    shares = torch.tensor([0.5, 0.2, 0.3]).double()
    C = torch.cat([s.C.centres.detach().reshape(-1), shares.log()])
    seen: list[torch.Tensor] = []
    s.nets.networks["G"].module.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    s.variant.sample(s.nets.bind(C=C), torch.randn(1000, 3).double())
    torch.testing.assert_close(seen[0][:, 3:].mean(0), shares, atol=0.005, rtol=0)
    assert (seen[0][:, 3:].sum(1) == 1).all()
