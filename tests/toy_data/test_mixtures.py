"""The mixtures: their modes, moments and densities, against formulas written again here."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

import toy_data
from toy_data import DataError, Mixture

MODES = {
    "ring": 8,
    "ring-pacgan": 8,
    "ring-imbalanced": 8,
    "ring-metz-bug": 7,
    "ring-d2gan": 8,
    "ring-3d": 7,
    "grid-wide": 25,
    "grid": 25,
    "grid100": 100,
    "gmm1d": 5,
    "cube1200": 10,
}


def load(name: str) -> Mixture:
    data = toy_data.load(name)
    assert isinstance(data, Mixture)
    return data


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def correlated() -> Mixture:
    """Two modes in three dimensions, neither round nor alike."""
    a = torch.tensor(
        [[[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 0.5]], [[0.3, 0.0, 0.1], [0.0, 4.0, 1.0], [0.1, 1.0, 1.0]]]
    )
    return Mixture("own", torch.tensor([[0.0, 1, 2], [-5, 3, 1]]), covariances=a, weights=torch.tensor([0.3, 0.7]))


@pytest.mark.parametrize("name", MODES)
def test_modes_are_distinct_and_as_many_as_published(name: str) -> None:
    data = load(name)
    assert data.modes == MODES[name] == len(torch.unique(data.centres.round(decimals=4), dim=0))
    assert float(data.weights.sum()) == pytest.approx(1)
    assert data.name == name
    assert data.shape == data.centres.shape[1:]


def test_the_published_centres_and_spreads() -> None:
    ring, pacgan, grid, line = load("ring"), load("ring-pacgan"), load("grid"), load("gmm1d")
    for data, radius, sigma in ((ring, 2, 0.02), (pacgan, 1, 0.01)):
        torch.testing.assert_close(data.centres.norm(dim=1), torch.full((8,), float(radius)))
        neighbours = (data.centres - data.centres.roll(1, 0)).norm(dim=1)
        torch.testing.assert_close(neighbours, torch.full((8,), 2 * radius * math.sin(math.pi / 8)))
        torch.testing.assert_close(data.covariances, (sigma**2 * torch.eye(2)).expand(8, 2, 2))
    assert sorted(map(tuple, grid.centres.tolist())) == [(i, j) for i in range(-4, 5, 2) for j in range(-4, 5, 2)]
    assert line.centres[:, 0].tolist() == [10, 20, 60, 80, 110]
    assert line.covariances.flatten().tolist() == [9, 9, 4, 4, 1]
    assert load("ring-imbalanced").weights[[0, 7]].tolist() == pytest.approx([0.3124, 0.0276], abs=1e-4)


@pytest.mark.parametrize("data", [*map(load, MODES), correlated()], ids=lambda d: d.name)
def test_samples_have_the_stated_moments_and_weights(data: Mixture) -> None:
    n = 20_000
    x, mode = data.sample_labelled(n, seeded(0))
    assert x.shape == (n, *data.shape)
    assert x.dtype == torch.float32
    assert ((x.mean(0) - data.mean).abs() < 5 * data.std / math.sqrt(n) + 1e-4).all()
    np.testing.assert_allclose(x.std(0), data.std, rtol=0.03, atol=1e-3)
    share = torch.bincount(mode, minlength=len(data.weights)) / n
    assert ((share - data.weights).abs() < 5 * (data.weights / n).sqrt()).all()


def test_within_a_mode_the_covariance_is_the_stated_one() -> None:
    data = correlated()
    x, mode = data.sample_labelled(100_000, seeded(0))
    for k in range(2):
        np.testing.assert_allclose(x[mode == k].T.cov(), data.covariances[k], atol=0.05)
        np.testing.assert_allclose(x[mode == k].mean(0), data.centres[k], atol=0.05)


def test_the_moments_are_exact() -> None:
    """The line's by hand: mean 56, variance mean(9, 9, 4, 4, 1) + variance of the centres."""
    line = load("gmm1d")
    assert float(line.mean) == 56
    assert float(line.std) == pytest.approx(math.sqrt(27 / 5 + np.var([10, 20, 60, 80, 110])))
    ring = load("ring")
    np.testing.assert_allclose(ring.mean, [0, 0], atol=1e-7)
    np.testing.assert_allclose(ring.std, math.sqrt(0.02**2 + 2), rtol=1e-6)


@pytest.mark.parametrize(
    "data", [load(n) for n in MODES if n not in ("cube1200", "ring-3d")] + [correlated()], ids=lambda d: d.name
)
def test_log_density_equals_scipys(data: Mixture) -> None:
    x = data.sample(20, seeded(1)) * 1.01
    parts = [
        stats.multivariate_normal(c.double(), C.double()).logpdf(x.double())
        for c, C in zip(data.centres, data.covariances, strict=True)
    ]
    expected = special.logsumexp(np.stack(parts), b=data.weights.double().numpy()[:, None], axis=0)
    np.testing.assert_allclose(data.log_density(x.double()), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data.log_density(x), expected, rtol=1e-3, atol=1e-3)  # and in float32


def test_the_density_integrates_to_one() -> None:
    line = load("gmm1d")
    x = torch.linspace(-20, 140, 16_001, dtype=torch.float64)
    assert integrate.trapezoid(line.log_density(x[:, None]).exp(), x) == pytest.approx(1, abs=1e-6)
    grid = load("grid")
    axis = torch.linspace(-4.5, 4.5, 901, dtype=torch.float64)
    density = grid.log_density(torch.cartesian_prod(axis, axis)).exp().view(901, 901)
    assert float(density.sum()) * 0.01**2 == pytest.approx(1, abs=1e-3)


def test_the_cube_lies_in_pieces_of_plane() -> None:
    """700 coordinates carry N(0, 1), the others equal the mode's; leaving the plane costs density and counts as distance."""
    cube = load("cube1200")
    x, mode = cube.sample_labelled(50, seeded(0))
    m = torch.tensor([-1, -0.5, 0, 0.5, -2, -2.5, 10, 0.25, -13, -5.5])[mode]
    assert torch.equal(x[:, 700:], m[:, None].expand(-1, 500))
    expected = stats.norm(0, 1).logpdf(x[:, :700] - m[:, None]).sum(1) + math.log(0.1)
    np.testing.assert_allclose(cube.log_density(x.double()), expected, rtol=1e-6)
    nearest, found = cube.mahalanobis(x).min(-1)
    assert torch.equal(found, mode)
    assert float(nearest.mean()) == pytest.approx(math.sqrt(700), rel=0.01)
    off = x.clone()
    off[:, 1000] += 30
    assert (cube.log_density(off) == -torch.inf).all()
    torch.testing.assert_close(cube.mahalanobis(off).min(-1).values, (nearest**2 + 900).sqrt())


def test_mahalanobis_distances_by_hand() -> None:
    data = correlated()
    x = torch.randn(4, 5, 3, generator=seeded(0))
    away = (x[..., None, :] - data.centres)[..., None]
    expected = (away.mT @ torch.linalg.inv(data.covariances) @ away)[..., 0, 0].sqrt()
    torch.testing.assert_close(data.mahalanobis(x), expected)
    line = load("gmm1d")
    torch.testing.assert_close(line.mahalanobis(torch.tensor([[16.0]])), torch.tensor([[2.0, 4 / 3, 22, 32, 94]]))


def test_a_perfect_sample_is_within_three_sigmas_as_often_as_theory_says() -> None:
    """1 - exp(-4.5) = 98.889 % in two dimensions."""
    for name in ("ring", "grid100"):
        data, n = load(name), 100_000
        share = float((data.mahalanobis(data.sample(n, seeded(2))).min(-1).values < 3).double().mean())
        assert share == pytest.approx(1 - math.exp(-4.5), abs=4 * math.sqrt(0.011 / n))


def test_a_sigma_for_each_coordinate() -> None:
    data = Mixture("own", torch.zeros(1, 2), sigma=torch.tensor([[0.5, 2.0]]))
    torch.testing.assert_close(data.covariances[0], torch.tensor([[0.25, 0.0], [0.0, 4.0]]))
    assert data.mahalanobis(torch.tensor([[0.5, 2.0]])).item() == pytest.approx(math.sqrt(2))


def test_the_notebooks_ring_has_one_double_mode() -> None:
    """np.linspace(0, 2 pi, 8) makes seven distinct centres: KL(that mixture || eight uniform modes) = .1733."""
    angles = np.linspace(0, 2 * np.pi, 8)
    released = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], 1)).float()
    bug = load("ring-metz-bug")
    nearest = torch.cdist(released, bug.centres)
    assert nearest.min(1).values.max() < 1e-5
    counts = torch.bincount(nearest.argmin(1)).tolist()
    assert counts == (bug.weights * 8).round().int().tolist() == [2, 1, 1, 1, 1, 1, 1]
    assert float((bug.weights * (bug.weights * 8).log()).sum()) == pytest.approx(0.1733, abs=1e-4)
    with pytest.raises(DataError, match="Centres 0 and 7 of 'released' are the same point"):
        Mixture("released", released.round(decimals=5) + 0.0, sigma=0.01)


def test_the_grid_and_rings_of_released_scripts() -> None:
    axis = torch.linspace(-21, 21, 5)
    wide, d2gan, space = load("grid-wide"), load("ring-d2gan"), load("ring-3d")
    torch.testing.assert_close(wide.centres, torch.cartesian_prod(axis, axis))
    torch.testing.assert_close(wide.covariances, (0.1 * torch.eye(2)).expand(25, 2, 2))
    torch.testing.assert_close(d2gan.centres, load("ring").centres)
    torch.testing.assert_close(d2gan.covariances, (0.02 * torch.eye(2)).expand(8, 2, 2))
    angles = np.linspace(0, 2 * np.pi, 7, endpoint=False)
    centres = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1)).float()
    torch.testing.assert_close(space.centres, centres)
    torch.testing.assert_close(space.covariances, torch.diag(torch.tensor([1e-4, 1e-4, 0])).expand(7, 3, 3))


def test_a_generator_decides_the_draw() -> None:
    data = load("ring")
    state = torch.get_rng_state()
    assert torch.equal(data.sample(50, seeded(3)), data.sample(50, seeded(3)))
    assert torch.equal(data.sample(50, seeded(3)), data.sample_labelled(50, seeded(3))[0])
    assert not torch.equal(data.sample(50, seeded(3)), data.sample(50, seeded(4)))
    assert torch.equal(torch.get_rng_state(), state)
    assert data.held_out(7, seeded(3)).shape == (7, 2)


def test_fingerprints_follow_the_content_not_the_name() -> None:
    prints = {load(name).fingerprint() for name in MODES}
    assert len(prints) == len(MODES)
    ring = load("ring")
    assert Mixture("other", ring.centres, sigma=0.02).fingerprint() == ring.fingerprint()
    assert Mixture("ring", ring.centres, sigma=0.03).fingerprint() != ring.fingerprint()
    assert (
        Mixture("ring", ring.centres, sigma=0.02, weights=torch.arange(1, 9) / 36).fingerprint() != ring.fingerprint()
    )


@pytest.mark.parametrize("spread", [{"sigma": torch.ones(2, 3)}, {"covariances": torch.eye(3).repeat(2, 1, 1)}])
def test_still_coordinates_need_one_sigma_for_each_mode(spread: dict[str, torch.Tensor]) -> None:
    """A sigma for each coordinate was taken, and one noise number was added to all of them."""
    centres = torch.tensor([[0.0, 0.0, 0.0], [5.0, 5.0, 5.0]])
    with pytest.raises(DataError, match=r"'still' can have .* only with one sigma for each mode; 1 were asked for"):
        Mixture("still", centres, noisy=1, **spread)
    still = Mixture("still", centres, sigma=torch.tensor([1.0, 2.0]), noisy=1)
    assert set(still.sample(50, seeded(0))[:, 1].tolist()) == {0.0, 5.0}


def test_moving_keeps_everything() -> None:
    """The meta device stands for an accelerator: every tensor must follow."""
    data = correlated()
    moved = data.to("meta")
    assert {k for k, v in vars(moved).items() if isinstance(v, torch.Tensor) and v.device.type != "meta"} == set()
    assert moved.mahalanobis(torch.zeros(5, 3, device="meta")).shape == (5, 2)
    assert data.centres.device.type == "cpu"
    assert torch.equal(data.to("cpu").sample(9, seeded(0)), data.sample(9, seeded(0)))


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(DataError, match="There is no data set 'gird'; did you mean 'grid'"):
        toy_data.load("gird")
    with pytest.raises(DataError, match=r"there are: ring, .*FILE\.npz, folder:FOLDER, idx:FOLDER"):
        toy_data.load("xyzzy")


def test_every_name_of_the_catalogue_leads_somewhere() -> None:
    import importlib

    from toy_data.registry import _ENTRIES

    assert set(MODES) < set(toy_data.catalogue())
    for about, home, _ in _ENTRIES.values():
        module, function = home.split(":")
        assert callable(getattr(importlib.import_module(f"toy_data.{module}"), function))
        assert "\n" not in about


def test_listing_imports_nothing_heavy() -> None:
    code = "import sys, toy_data; toy_data.catalogue(); print([m for m in ('torch', 'numpy', 'sklearn') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
