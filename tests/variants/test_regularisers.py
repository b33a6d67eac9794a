"""EBGAN, GDPP and MSGAN: their terms loop by loop in numpy."""

import numpy as np
import torch

from zoo.variants.ebgan import EBGAN
from zoo.variants.gdpp import GDPP
from zoo.variants.msgan import MSGAN


def neg_log_sigmoid(t: torch.Tensor) -> float:
    return float(np.log1p(np.exp(-t.detach().numpy())).mean())


def energies(s, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    codes = s.D.trunk(x)
    again = s.D.head(codes)
    return codes.detach().numpy(), np.linalg.norm((again - x).detach().numpy(), axis=1)


def test_ebgan(small) -> None:
    s = small(EBGAN(margin=2.0, pt=0.5, code=3))
    (_, real), (S, fake) = energies(s, s.batch.x), energies(s, s.G(s.batch.z))
    assert (fake < 2).any()
    np.testing.assert_allclose(
        s.variant.d_loss(s.nets, s.batch), real.mean() + np.maximum(0, 2.0 - fake).mean(), rtol=1e-10
    )
    N, PT = len(S), 0.0
    for i in range(N):
        for j in range(N):
            if i != j:
                PT += (S[i] @ S[j] / np.linalg.norm(S[i]) / np.linalg.norm(S[j])) ** 2 / (N * (N - 1))
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), fake.mean() + 0.5 * PT, rtol=1e-10)


def spectrum(features: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    phi = features.detach().numpy()
    phi = phi / np.linalg.norm(phi, axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(phi @ phi.T)
    return values, vectors


def test_gdpp(small) -> None:
    s = small(GDPP(magnitude=0.2), batch=5)
    features, logits = s.D(s.G(s.batch.z))
    (fake, v_fake), (real, v_real) = spectrum(features), spectrum(s.D(s.batch.x)[0])
    w = (real - real.min()) / (real.max() - real.min())
    structure = -sum(w[i] * abs(v_fake[:, i] @ v_real[:, i]) for i in range(5))
    expected = 0.5 * (neg_log_sigmoid(logits) + 0.2 * ((fake - real) ** 2).mean() + structure)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), expected, rtol=1e-8)


def test_gdpp_eigenvalues_have_their_exact_gradient(small) -> None:
    s = small(GDPP(), batch=5)
    features, weight = torch.randn(5, 7).double().requires_grad_(), torch.randn(5).double()
    (found,) = torch.autograd.grad((s.variant.spectrum(features)[0] * weight).sum(), features)
    phi = torch.nn.functional.normalize(features, dim=1)
    (expected,) = torch.autograd.grad((torch.linalg.eigvalsh(phi @ phi.T) * weight).sum(), features)
    torch.testing.assert_close(found, expected)


def test_gdpp_eigenvectors_have_the_gradient_of_a_step_of_shifted_power_iteration(small) -> None:
    """v' = (S + I) v / |(S + I) v| with v held, by differences; and the structure term moves G."""
    s = small(GDPP(magnitude=0.0), batch=5)
    features, weight = torch.randn(5, 7).double(), np.random.default_rng(0).normal(size=(5, 5))
    v = spectrum(features)[1]

    def moved(entry: tuple[int, int], by: float) -> float:
        phi = features.numpy().copy()
        phi[entry] += by
        phi /= np.linalg.norm(phi, axis=1, keepdims=True)
        stepped = (phi @ phi.T + np.eye(5)) @ v
        return float((weight * stepped / np.linalg.norm(stepped, axis=0)).sum())

    expected = [[(moved((i, j), 1e-6) - moved((i, j), -1e-6)) / 2e-6 for j in range(7)] for i in range(5)]
    asked = features.clone().requires_grad_()
    found_v = s.variant.spectrum(asked)[1]
    sign = torch.as_tensor(np.sign((v * found_v.detach().numpy()).sum(0)))  # the solver's own
    (found,) = torch.autograd.grad((found_v * sign * torch.as_tensor(weight)).sum(), asked)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(expected).max() > 0.05

    def structure(theta: torch.Tensor) -> torch.Tensor:
        nets = s.nets.bind(G=theta)
        return (
            s.variant.g_loss(nets, s.batch) - 0.5 * torch.nn.functional.softplus(-nets.D(nets.G(s.batch.z))[1]).mean()
        )

    assert torch.func.grad(structure)(s.nets.params["G"]).abs().max() > 1e-3


def test_gdpp_is_finite_where_eigenvalues_coincide(small) -> None:
    """A batch larger than the features has many eigenvalues 0; identical fakes have one eigenvalue B and the rest 0."""
    s = small(GDPP(), batch=20)
    for scale in (1.0, 0.0):  # 0: a generator that makes one point
        G = s.nets.params["G"] * scale
        gradient = torch.func.grad(lambda theta: s.variant.g_loss(s.nets.bind(G=theta), s.batch))(G)
        assert torch.isfinite(gradient).all()


def test_msgan(small) -> None:
    s = small(MSGAN(lam=0.7))
    x, z = s.G(s.batch.z), s.batch.z.numpy()
    points = x.detach().numpy()
    d_x = np.mean([np.abs(points[i] - points[i + 3]).mean() for i in range(3)])
    d_z = np.mean([np.abs(z[i] - z[i + 3]).mean() for i in range(3)])
    expected = neg_log_sigmoid(s.D(x)) + 0.7 / (d_x / d_z + 1e-5)
    np.testing.assert_allclose(s.variant.g_loss(s.nets, s.batch), expected, rtol=1e-10)


def test_msgan_by_default_has_half_the_released_code_s_loss(small) -> None:
    """There the losses of the two halves are summed and the term has weight 1 (DCGAN-Mode-Seeking/model.py, update_G)."""
    s = small(MSGAN())
    x, z = s.G(s.batch.z), s.batch.z
    spread = (x[3:] - x[:3]).abs().mean() / (z[3:] - z[:3]).abs().mean()
    released = neg_log_sigmoid(s.D(x[:3])) + neg_log_sigmoid(s.D(x[3:])) + 1 / (spread.item() + 1e-5)
    np.testing.assert_allclose(2 * s.variant.g_loss(s.nets, s.batch).item(), released, rtol=1e-10)
