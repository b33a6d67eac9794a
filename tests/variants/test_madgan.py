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


def similar(s, by: list[Tensor], held: list[Tensor]) -> Tensor:
    """Generators' loss, generator by generator: ``by`` are i's samples, ``held`` those that it is compared with."""
    n, lam = s.variant.n, s.variant.lam
    (features, D), (others, D_others) = (
        zip(*((phi, logit[:, 0].sigmoid()) for phi, logit in map(s.D, made)), strict=True) for made in (by, held)
    )
    total = torch.zeros(())
    for i in range(n):
        margin = sum(
            D_others[j] + (features[i] * others[j]).sum(1) / features[i].norm(dim=1) / others[j].norm(dim=1) - D[i]
            for j in range(n)
            if j != i
        )
        total = total - D[i].log().mean() / n + lam * (margin / (n - 1)).clamp(min=0).mean() / n
    return total


def test_similarity_losses(small) -> None:
    s = small(MADGAN(n=3, similarity=True, lam=0.7))
    made = fakes(s, own=False)
    D = [s.D(f)[1][:, 0].sigmoid().detach().numpy() for f in made]
    real = s.D(s.batch.x)[1].sigmoid().detach().numpy()
    d_loss = -np.log(real).mean() - np.mean([np.log(1 - d).mean() for d in D])
    d, g = (p.loss for p in s.variant.players())
    np.testing.assert_allclose(d(s.nets, s.batch), d_loss, rtol=1e-12)
    torch.testing.assert_close(g(s.nets, s.batch), similar(s, made, made), rtol=1e-12, atol=0)
    plain = small(MADGAN(n=3, similarity=True, lam=0.0))
    assert g(s.nets, s.batch) > plain.variant.players()[1].loss(plain.nets, plain.batch)  # some margin is positive


def test_no_generator_is_moved_by_another_s_similarity(small) -> None:
    """Each generator lowers its own loss: with all of it differentiated, j would be moved to convince D less, for i's sake."""
    s = small(MADGAN(n=3, similarity=True, lam=0.7, shared=False))
    theta = s.nets.params["G"].clone().requires_grad_()
    (got,) = torch.autograd.grad(s.variant.players()[1].loss(s.nets.bind(G=theta), s.batch), theta)
    made = fakes(s, own=False)
    want = torch.autograd.grad(similar(s, made, [f.detach() for f in made]), s.weights("G"))
    want = torch.cat([w.flatten() for w in want])
    torch.testing.assert_close(got, want)


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
