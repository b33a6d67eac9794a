"""Minibatch discrimination: the closeness of samples, loop by loop; batches kept apart; a collapsed batch is seen."""

import numpy as np
import torch

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


def judge(s, x: torch.Tensor) -> np.ndarray:
    trunk, layer, head = s.D
    f = trunk(x).detach().numpy()
    o = closeness(f, layer.T.detach().numpy())
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
