"""The mixtures: their modes, moments and densities, against formulas written again here."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

import toy_data
from toy_data.mixtures import Mixture, from_arrays

NAMES = list(toy_data.MIXTURES)
MODES = {"ring": 8, "ring-pacgan": 8, "ring-imbalanced": 8, "ring-linspace-bug": 7, "grid": 25, "grid100": 100, "gmm1d": 5, "cube1200": 10}


def load(name: str) -> Mixture:
    data = toy_data.load(name)
    assert isinstance(data, Mixture)
    return data


@pytest.mark.parametrize("name", NAMES)
def test_modes_are_distinct_and_as_many_as_published(name: str) -> None:
    data = load(name)
    assert data.modes == MODES[name] == len(torch.unique(data.centres.round(decimals=4), dim=0))
    assert float(data.weights.sum()) == pytest.approx(1)
    assert data.name == name


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_stated_moments_and_weights(name: str) -> None:
    data, n = load(name), 20_000
    x, mode = data.sample_labelled(n, torch.Generator().manual_seed(0))
    assert x.shape == (n, *data.shape)
    assert x.dtype == torch.float32
    standard_error = data.std / math.sqrt(n)
    assert ((x.mean(0) - data.mean).abs() < 5 * standard_error + 1e-4).all()
    np.testing.assert_allclose(x.std(0), data.std, rtol=0.03, atol=1e-3)
    share = torch.bincount(mode, minlength=len(data.weights)) / n
    assert ((share - data.weights).abs() < 5 * (data.weights / n).sqrt()).all()


@pytest.mark.parametrize("name", [n for n in NAMES if n != "cube1200"])
def test_log_density_equals_scipys(name: str) -> None:
    data = load(name)
    x = data.sample(20, torch.Generator().manual_seed(1)) * 1.01
    parts = [
        math.log(w) + stats.multivariate_normal(c.double(), C.double()).logpdf(x.double())
        for w, c, C in zip(data.weights, data.centres, data.covariances, strict=True)
    ]
    expected = np.logaddexp.reduce(np.stack(parts), axis=0)
    np.testing.assert_allclose(data.log_density(x.double()), expected, rtol=1e-5, atol=1e-5)


def test_the_notebooks_ring_has_one_double_mode() -> None:
    """np.linspace(0, 2 pi, 8) makes seven distinct centres: KL(that mixture || eight uniform modes) = .1733."""
    angles = np.linspace(0, 2 * np.pi, 8)
    released = torch.from_numpy(2 * np.stack([np.cos(angles), np.sin(angles)], 1)).float()
    bug = load("ring-linspace-bug")
    nearest = torch.cdist(released, bug.centres)
    assert nearest.min(1).values.max() < 1e-5
    assert torch.bincount(nearest.argmin(1)).tolist() == (bug.weights * 8).round().int().tolist() == [2, 1, 1, 1, 1, 1, 1]
    assert float((bug.weights * (bug.weights * 8).log()).sum()) == pytest.approx(0.1733, abs=1e-4)


def test_mahalanobis_distance_of_a_correlated_mode() -> None:
    covariance = torch.tensor([[2.0, 0.6], [0.6, 1.0]])
    data = from_arrays("own", torch.zeros(1, 2), None, covariance[None], None)
    x = torch.tensor([[1.0, -2.0], [0.3, 0.1]])
    expected = ((x @ torch.linalg.inv(covariance)) * x).sum(-1).sqrt()
    torch.testing.assert_close(data.mahalanobis(x)[:, 0], expected)
    torch.testing.assert_close(data.covariances[0], covariance)


def test_a_generator_decides_the_draw() -> None:
    data = load("ring")
    draw = lambda seed: data.sample(50, torch.Generator().manual_seed(seed))  # noqa: E731
    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


def test_fingerprints_differ_and_last() -> None:
    prints = {name: load(name).fingerprint() for name in NAMES}
    assert len(set(prints.values())) == len(NAMES)
    assert prints["ring"] == load("ring").fingerprint()


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(toy_data.DataError, match="did you mean 'grid'"):
        toy_data.load("gird")


def save(tmp_path, **arrays) -> str:
    path = tmp_path / "own.npz"
    np.savez(path, **arrays)
    return str(path)


def test_a_users_mixture(tmp_path) -> None:
    data = toy_data.load(save(tmp_path, centres=[[0.0, 0], [5, 5]], sigma=0.1, weights=[1, 3]))
    assert isinstance(data, Mixture)
    assert data.weights.tolist() == [0.25, 0.75]
    per_mode = toy_data.load(save(tmp_path, centres=[[0.0, 0], [5, 5]], sigma=[0.1, 2.0]))
    torch.testing.assert_close(per_mode.spread, torch.tensor([[0.1, 0.1], [2.0, 2.0]]))


def test_a_users_points(tmp_path) -> None:
    points = np.random.default_rng(0).normal(3, 2, (1000, 4))
    data = toy_data.load(save(tmp_path, samples=points, labels=np.arange(1000) % 7))
    assert data.modes == 7
    x, y = data.sample_labelled(5000, torch.Generator().manual_seed(0))
    held = data.held_out(500, torch.Generator().manual_seed(0))
    assert x.shape == (5000, 4)
    assert not {tuple(r) for r in x.tolist()} & {tuple(r) for r in held.tolist()}
    np.testing.assert_allclose(data.std, points.std(0), rtol=1e-5)


WRONG = {
    "centres must be": {"centres": [1.0, 2.0], "sigma": 0.1},
    "either sigma or covariances": {"centres": [[1.0, 2.0]]},
    "sigma must be": {"centres": [[1.0, 2.0]], "sigma": -1.0},
    "not finite": {"centres": [[np.nan, 2.0]], "sigma": 0.1},
    "not positive definite": {"centres": [[1.0, 2.0]], "covariances": [[[1.0, 2.0], [2.0, 1.0]]]},
    "weights must be": {"centres": [[1.0, 2.0]], "sigma": 0.1, "weights": [1.0, 2.0]},
    "neither centres": {"labels": [1, 2]},
    "samples must be": {"samples": [1.0, 2.0]},
    "labels must be": {"samples": [[1.0], [2.0]], "labels": [1, 2, 3]},
    "'colour', which means nothing": {"samples": [[1.0], [2.0]], "colour": [1]},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_file_is_one_sentence(tmp_path, sentence: str) -> None:
    with pytest.raises(toy_data.DataError, match=sentence) as caught:
        toy_data.load(save(tmp_path, **WRONG[sentence]))
    assert "\n" not in str(caught.value)


def test_objects_in_a_file_are_never_executed(tmp_path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path_touch, (str(tmp_path / "executed"),))

    path = save(tmp_path, centres=np.array([Trap()], dtype=object), sigma=0.1)
    with pytest.raises(toy_data.DataError, match="plain arrays"):
        toy_data.load(path)
    assert not (tmp_path / "executed").exists()


def Path_touch(path: str) -> None:  # noqa: N802
    open(path, "w").close()
