"""Vendi, NDB and the birthday test against closed forms and simulation."""

import math

import numpy as np
import pytest
import torch

from zoo.metrics.diversity import birthday_of_modes, birthday_of_samples, ndb, vendi


def test_vendi_counts_far_points_and_copies():
    far = 1e3 * torch.arange(20.0)[:, None].expand(20, 2)
    y = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    got = vendi(torch.stack([far, torch.zeros(20, 2), far[torch.arange(20) % 4]]), y)
    assert got.tolist() == pytest.approx([20, 1, 4])


@pytest.mark.parametrize("seed", range(20))
def test_vendi_agrees_with_numpys_spectrum(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 40, 1 + seed, generator=g)
    d2 = ((x[0, :, None] - x[0, None]).double() ** 2).sum(-1).numpy()
    spectrum = np.linalg.svd(np.exp(-d2 / (2 * 0.7**2)) / 40, compute_uv=False)
    want = math.exp(-sum(v * math.log(v) for v in spectrum if v > 1e-15))
    assert vendi(x, x[0], width=0.7).item() == pytest.approx(want, rel=1e-4)


def test_vendi_tells_modes_of_a_ring(ring, generator):
    x = torch.stack([ring.draw(1000, generator, keep=k) for k in (1, 4, 8)])
    got = vendi(x, ring.draw(1000, generator))
    assert got.tolist() == pytest.approx([1, 4, 8], rel=0.06)


def test_ndb_of_a_perfect_and_a_collapsed_sampler(ring, generator):
    ring.sigma = 0.1
    y = ring.draw(4000, generator)
    perfect = ndb(torch.stack([ring.draw(2000, generator) for _ in range(8)]), y)
    # one reference sample for all eight, so their scores move together: a wide margin around the level
    assert perfect.mean().item() == pytest.approx(0.05, abs=0.04)
    assert ndb(ring.draw(2000, generator, keep=1)[None], y).item() > 0.9


def test_ndb_is_the_z_test_by_hand():
    """Two far clusters: 1000 and 1000 of the data, 600 and 400 of the samples: z = 4.4 and both bins differ."""
    y = torch.tensor([[0.0], [100.0]]).repeat(2000, 1) + 0.01 * torch.rand(4000, 1)
    even = torch.tensor([[0.0], [100.0]]).repeat(500, 1)
    skew = torch.cat([torch.zeros(600, 1), torch.full((400, 1), 100.0)])
    got = ndb(torch.stack([even, skew]), y, bins=2)
    assert got.tolist() == [0, 1]


def test_ndb_says_where_it_leaves_the_released_code():
    said = " ".join((ndb.__doc__ or "").split())
    assert "k-means starts once (there scikit-learn's ten times)" in said
    assert "a sixth of more than 1,000" in said


@pytest.mark.parametrize(("k", "batch"), [(1, 2), (8, 4), (25, 7), (1000, 38)])
def test_birthdays_of_even_modes(k, batch):
    assert birthday_of_modes(torch.ones(1, k)).item() == batch


def test_birthdays_of_uneven_modes_agree_with_simulation():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 60, 40)
    s = int(birthday_of_modes(torch.tensor(counts)[None]).item())

    def collide(size: int) -> float:
        draws = rng.choice(40, (20_000, size), p=counts / counts.sum())
        return np.mean([len(set(row)) < size for row in draws.tolist()])

    assert collide(s) > 0.5 - 0.011
    assert collide(s - 1) < 0.5 + 0.011


def test_birthdays_of_near_duplicates():
    g = torch.Generator().manual_seed(0)
    y = torch.randn(2000, 3, generator=g)
    x = torch.stack([torch.randn(2000, 3, generator=g) for _ in range(6)])
    want = 0.5 + math.sqrt(0.25 + 2 * math.log(2) / 1e-3)
    assert birthday_of_samples(x, y).mean().item() == pytest.approx(want, rel=0.05)
    copies = y[:10].repeat(200, 1)[None]  # a tenth of all pairs are copies
    assert birthday_of_samples(copies, y).item() == pytest.approx(
        0.5 + math.sqrt(0.25 + 2 * math.log(2) / 0.1), rel=0.03
    )
    assert birthday_of_samples(torch.zeros(1, 100, 3), y).item() == 2


@pytest.mark.parametrize("d", [3, 9, 12])
def test_birthdays_count_copies_in_any_dimension(d):
    """Twenty points, each 25 times: a pair of different samples are copies with probability 24 / 499, whatever rounding makes of their distance."""
    points = torch.randn(20, d, generator=torch.Generator().manual_seed(0)).repeat_interleave(25, 0)
    want = 0.5 + math.sqrt(0.25 + 2 * math.log(2) * 499 / 24)
    assert birthday_of_samples(points[None], points).item() == pytest.approx(want)
