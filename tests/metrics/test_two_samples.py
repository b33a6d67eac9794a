"""Distances between distributions against closed forms for Gaussians, POT, and plain loops."""

import math

import numpy as np
import ot
import pytest
import torch
from scipy import linalg
from scipy.spatial.distance import cdist

from zoo.errors import ZooError
from zoo.metrics.distances import squared
from zoo.metrics.two_samples import (
    frechet,
    frechet_gaussians,
    median_distance,
    mmd,
    mmd_poly,
    sliced_wasserstein,
    wasserstein,
)


def random_pair(seed: int, d: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    d = d or int(torch.randint(1, 16, (), generator=g))
    x = torch.randn(2, 60, d, generator=g) * torch.rand(d, generator=g) + torch.randn(d, generator=g)
    return x, torch.randn(60, d, generator=g)


def test_the_median_distance_of_points_that_are_mostly_or_all_alike():
    apart = torch.tensor([[0.0, 0.0]] * 5 + [[3.0, 4.0]])
    assert median_distance(apart) == pytest.approx(5 * 5 / 15)
    assert [median_distance(apart[:n]) for n in (5, 2, 1)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_mmd_agrees_with_the_double_sum(seed):
    x, y = random_pair(seed)
    h = median_distance(y)
    assert h == pytest.approx(np.median(cdist(y, y)[np.triu_indices(60, 1)]), rel=0.02)  # torch takes the lower middle
    want = []
    for fake in x.double().numpy():
        bank = 0.0
        for width in h * np.array([0.25, 0.5, 1, 2, 4]):
            kernel = lambda a, b, width=width: np.exp(-(cdist(a, b) ** 2) / (2 * width**2))  # noqa: E731
            off = lambda k: (k.sum() - np.trace(k)) / (60 * 59)  # noqa: E731
            bank += off(kernel(fake, fake)) + off(kernel(y, y)) - 2 * kernel(fake, y).mean()
        want.append(bank / 5)
    assert mmd(x, y).tolist() == pytest.approx(want, rel=1e-4, abs=1e-7)


def test_mmd_of_gaussians_is_unbiased():
    """E k = (h^2 / (h^2 + a^2 + b^2))^(d/2) exp(-|m|^2 / 2(h^2 + a^2 + b^2))."""
    d, a, b, shift, h, n, seeds = 3, 1.0, 0.5, 0.7, 0.8, 200, 200
    g = torch.Generator().manual_seed(0)
    values = []
    for _ in range(seeds):
        x = a * torch.randn(1, n, d, generator=g)
        y = b * torch.randn(n, d, generator=g) + shift / math.sqrt(d)
        values.append(mmd(x, y, torch.tensor([h])).item())

    def kernel(v: float, distance: float) -> float:
        return (h**2 / (h**2 + v)) ** (d / 2) * math.exp(-(distance**2) / (2 * (h**2 + v)))

    want = kernel(2 * a**2, 0) + kernel(2 * b**2, 0) - 2 * kernel(a**2 + b**2, shift)
    assert np.mean(values) == pytest.approx(want, abs=3 * np.std(values) / math.sqrt(seeds))


@pytest.mark.parametrize("d", [1, 2, 8, 9, 30])
def test_the_cubic_mmd_agrees_with_the_double_sum(d):
    x, y = random_pair(d, d)
    kernel = lambda a, b: (a @ b.T / d + 1) ** 3  # noqa: E731
    off = lambda k: (k.sum() - np.trace(k)) / (60 * 59)  # noqa: E731
    z = y.double().numpy()
    want = [off(kernel(f, f)) + off(kernel(z, z)) - 2 * kernel(f, z).mean() for f in x.double().numpy()]
    assert mmd_poly(x, y).tolist() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_frechet_agrees_with_scipys_matrix_root(seed):
    x, y = random_pair(seed)
    for got, fake in zip(frechet(x, y), x.double().numpy(), strict=True):
        real = y.double().numpy()
        a, b = np.cov(fake.T).reshape(y.shape[1], -1), np.cov(real.T).reshape(y.shape[1], -1)
        root = linalg.sqrtm(a @ b).real
        want = ((fake.mean(0) - real.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root)
        assert got.item() == pytest.approx(want, rel=1e-6, abs=1e-9)
        assert got.item() == pytest.approx(
            ot.gaussian.bures_wasserstein_distance(fake.mean(0), real.mean(0), a, b) ** 2, rel=1e-4
        )


def test_frechet_of_diagonal_gaussians_in_closed_form():
    s, t = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([2.0, 2.0, 0.5]).double()
    got = frechet_gaussians(
        torch.ones(1, 3).double(), s.square().diag()[None], torch.zeros(3).double(), t.square().diag()
    )
    assert got.item() == pytest.approx(3 + (s - t).square().sum().item())


def test_frechet_survives_a_collapse_to_a_point():
    y = torch.randn(500, 5, generator=torch.Generator().manual_seed(0))
    got = frechet(torch.zeros(1, 100, 5), y).item()
    assert got == pytest.approx((y.double().mean(0).square().sum() + y.double().var(0).sum()).item())


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("order", [1, 2])
def test_wasserstein_agrees_with_pot(seed, order):
    x, y = random_pair(seed)
    even = np.full(60, 1 / 60)
    for got, fake in zip(wasserstein(x, y, order), x.double().numpy(), strict=True):
        cost = cdist(fake, y.double().numpy()) ** order
        assert got.item() == pytest.approx(ot.emd2(even, even, cost) ** (1 / order), rel=1e-4)


@pytest.mark.parametrize("order", [1, 2])
def test_wasserstein_of_a_shift_is_the_shift(order):
    y = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([3.0, 4.0, 0.0, 0.0])
    assert wasserstein((y + shift)[None], y, order).item() == pytest.approx(5, rel=1e-5)
    assert sliced_wasserstein((y + shift)[None], y, directions=4000).item() == pytest.approx(
        2.5, rel=0.05
    )  # 5 / sqrt d


def test_sliced_wasserstein_agrees_with_pot_on_the_same_directions():
    x, y = random_pair(3, 6)
    g = torch.Generator().manual_seed(0)
    u = torch.randn(6, 64, generator=g, dtype=torch.float64)
    u = (u / u.norm(dim=0)).numpy()
    for got, fake in zip(sliced_wasserstein(x, y), x.double().numpy(), strict=True):
        want = ot.sliced_wasserstein_distance(fake, y.double().numpy(), projections=u)
        assert got.item() == pytest.approx(want, rel=1e-4)


def test_close_pairs_keep_their_digits_far_from_the_origin():
    g = torch.Generator().manual_seed(0)
    for d in (2, 40):
        x, y = (1000 + 1e-2 * torch.randn(50, d, generator=g) for _ in range(2))
        want = (x.double()[:, None] - y.double()).square().sum(-1)
        assert squared(x, y).double().tolist() == [pytest.approx(row.tolist(), rel=1e-4, abs=1e-12) for row in want]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_seed_is_nan_and_leaves_its_neighbours(bad):
    x, y = random_pair(0, 2)
    x[0, 3] = bad
    for metric in (mmd, mmd_poly, frechet, wasserstein, sliced_wasserstein):
        both, alone = metric(x, y), metric(x[1:], y)
        assert both[0].isnan()
        assert both[1] == alone[0]


def test_images_are_flattened_and_shapes_must_agree():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 30, 1, 4, 4, generator=g), torch.randn(30, 1, 4, 4, generator=g)
    assert torch.equal(frechet(x, y), frechet(x.flatten(2), y.flatten(1)))
    with pytest.raises(ZooError, match="of one shape"):
        mmd(x, y.flatten(1))


@pytest.mark.parametrize("metric", [mmd, sliced_wasserstein, lambda x, y: wasserstein(x, y, 1), frechet])
def test_numbers_of_any_type_are_compared_as_numbers(metric):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randint(10, (1, 60, 2), generator=g), torch.randint(5, 15, (60, 2), generator=g)
    want = metric(x.float(), y.float())
    assert want.item() > 0.01
    torch.testing.assert_close(metric(x, y), want)
    torch.testing.assert_close(metric(x.double(), y.float()), want, rtol=1e-5, atol=1e-6)


def test_mmd_of_constant_data():
    one, other = torch.zeros(1, 50, 2), torch.full((1, 50, 2), 3.0)
    assert mmd(one, one[0]).item() == pytest.approx(0, abs=1e-12)
    assert mmd(other, one[0]).item() > 1
