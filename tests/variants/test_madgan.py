"""MAD-GAN: cross-entropies and the similarity form, loop by loop in numpy; who made which sample."""

import numpy as np
import pytest
import torch
from torch import Tensor

from zoo.variants.madgan import MADGAN


def log_softmax(logits: Tensor) -> np.ndarray:
    e = np.exp(logits.detach().numpy())
    return np.log(e / e.sum(-1, keepdims=True))


def fakes(s, own: bool) -> list[Tensor]:
    """Each generator's samples, from its own module."""
    n = s.variant.n
    latents = [s.batch.z[i::n] if own else s.batch.z for i in range(n)]
    if s.variant.shared:
        trunk, heads = s.G[0].module, s.G[1].branches
        return [heads[i](trunk(z)) for i, z in enumerate(latents)]
    return [s.G.branches[i](z) for i, z in enumerate(latents)]


@pytest.mark.parametrize("own_z", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_softmax_losses(small, own_z: bool, shared: bool) -> None:
    s = small(MADGAN(n=3, own_z=own_z, shared=shared))
    real = log_softmax(s.D(s.batch.x)[1])
    made = [log_softmax(s.D(f)[1]) for f in fakes(s, own_z)]
    d_loss = -(real[:, 0].mean() + sum(made[i][:, i + 1].mean() for i in range(3))) / 4
    g_loss = -np.mean([m[:, 0].mean() for m in made])
    np.testing.assert_allclose(s.variant.d_loss(s.nets, s.batch), d_loss, rtol=1e-12)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), g_loss, rtol=1e-12)


def test_equals_the_released_code_s_mean_over_one_batch(small) -> None:
    """The released code labels one batch of B real and n B fakes: real then weighs 1 / (n + 1)."""
    s = small(MADGAN(n=3))
    logits = torch.cat([s.D(s.batch.x)[1], *(s.D(f)[1] for f in fakes(s, own=False))])
    labels = torch.arange(4).repeat_interleave(6)
    torch.testing.assert_close(s.variant.d_loss(s.nets, s.batch), torch.nn.functional.cross_entropy(logits, labels))


def test_similarity_losses(small) -> None:
    s = small(MADGAN(n=3, similarity=True, lam=0.7))
    made = [[t.detach().numpy() for t in s.D(f)] for f in fakes(s, own=False)]
    D = [1 / (1 + np.exp(-logit[:, 0])) for _, logit in made]
    real = 1 / (1 + np.exp(-s.D(s.batch.x)[1].detach().numpy()))
    d_loss = -np.log(real).mean() - np.mean([np.log(1 - d).mean() for d in D])
    g_loss = 0.0
    for i in range(3):
        g_loss += -np.log(D[i]).mean() / 3
        for j in range(3):
            if j != i:
                a, b = made[i][0], made[j][0]
                cos = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
                g_loss += 0.7 * np.maximum(0, D[j] + cos - D[i]).mean() / (3 * 2)
    d, g = (p.loss for p in s.variant.players())
    np.testing.assert_allclose(d(s.nets, s.batch), d_loss, rtol=1e-12)
    np.testing.assert_allclose(g(s.nets, s.batch), g_loss, rtol=1e-12)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("count", [1, 5, 6])
def test_origin_says_which_generator_made_each_sample(small, count: int, shared: bool) -> None:
    s = small(MADGAN(n=3, shared=shared))
    z = s.batch.z[:count]
    samples, origin = s.variant.sample(s.nets, z), s.variant.origin(count)
    assert samples.shape == (count, 2)
    for i in range(count):
        made = (
            s.G[1].branches[int(origin[i])](s.G[0].module(z[i : i + 1]))
            if shared
            else s.G.branches[int(origin[i])](z[i : i + 1])
        )
        torch.testing.assert_close(samples[i], made[0])
