"""Minibatch discrimination: the closeness of samples, loop by loop; batches kept apart; a collapsed batch is seen; how it starts."""

import numpy as np
import torch

from tests.test_harness import game
from zoo.variants.minibatch import Minibatch


def closeness(f: np.ndarray, T: np.ndarray) -> np.ndarray:
    A, kernels, dim = T.shape
    M = (f @ T.reshape(A, -1)).reshape(len(f), kernels, dim)
    o = np.zeros((len(f), kernels))
    for i in range(len(f)):
        for j in range(len(f)):
            for b in range(kernels):
                if i != j:
                    o[i, b] += np.exp(-np.abs(M[i, b] - M[j, b]).sum())
    return o


def columns(layer) -> np.ndarray:
    theta, log_length = layer.theta.detach().numpy(), layer.log_length.detach().numpy()
    return theta / np.sqrt((theta**2).sum(0)) * np.exp(log_length)


def judge(s, x: torch.Tensor) -> np.ndarray:
    trunk, layer, head = s.D
    f = trunk(x).detach().numpy()
    o = closeness(f, columns(layer)) + layer.bias.detach().numpy()
    return np.concatenate([f, o], 1) @ head.weight.detach().numpy().T + head.bias.detach().numpy()


def test_losses_with_real_and_fake_apart(small) -> None:
    s = small(Minibatch(kernels=3, dim=2))
    real, fake = (1 / (1 + np.exp(-judge(s, x))) for x in (s.batch.x, s.G(s.batch.z)))
    np.testing.assert_allclose(
        s.variant.d_loss(s.nets, s.batch), -np.log(real).mean() - np.log(1 - fake).mean(), rtol=1e-12
    )
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), -np.log(fake).mean(), rtol=1e-12)


def test_identical_samples_are_as_close_as_can_be_and_the_self_is_left_out(small) -> None:
    s = small(Minibatch(kernels=3, dim=2))
    f = s.D[0](s.batch.x[:1]).expand(5, -1)
    o = s.D[1](f)[:, f.shape[1] :]
    torch.testing.assert_close(o, torch.full_like(o, 4.0))
    alone = s.D[1](f[:1])[:, f.shape[1] :]
    torch.testing.assert_close(alone, torch.zeros_like(alone))


def test_it_starts_where_real_samples_are_told_apart(small) -> None:
    """As nn.py's MinibatchLayer with init=True: half the mean distance to the nearest other is 1, then o has mean 0."""
    s = small(Minibatch(kernels=3, dim=2))
    trunk, layer, _ = s.D
    theta = layer.theta.detach().numpy()
    M = np.einsum("ia,abc->ibc", trunk(s.batch.x).detach().numpy(), theta / np.sqrt((theta**2).sum(0)))
    apart = np.abs(M[:, None] - M[None]).sum(-1) + 1e6 * np.eye(len(M))[..., None]
    half = 0.5 * apart.min(1).mean(0)
    s.variant.begin(s.modules, s.batch.x)
    np.testing.assert_allclose(layer.log_length.detach().numpy(), np.repeat(-np.log(half)[:, None], 2, 1), rtol=1e-10)
    np.testing.assert_allclose(layer.bias.detach().numpy(), -np.exp(-apart / half).sum(1).mean(0), rtol=1e-10)
    o = layer(trunk(s.batch.x))[:, -3:]
    torch.testing.assert_close(o.mean(0), torch.zeros(3).double())
    assert o.std() > 0.05


def test_a_game_starts_it_from_real_samples_of_the_seed() -> None:
    played = game(Minibatch(kernels=3, dim=2))
    both, alone = (played.build(seeds).moving[0]["D"] for seeds in ([0, 1], [1]))
    assert torch.equal(both[1:], alone)
    lengths = [played.networks["D"].unflatten(theta)["1.log_length"] for theta in both]
    assert all(length.abs().min() > 0 for length in lengths)
    assert not torch.equal(*lengths)
