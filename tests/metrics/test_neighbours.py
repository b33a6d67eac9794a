"""Nearest-neighbour metrics against prdc, scikit-learn and their known values; the tree against the blocks."""

import math

import numpy as np
import prdc as reference
import pytest
import torch
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from zoo.errors import ZooError
from zoo.metrics import distances
from zoo.metrics.neighbours import one_nn, prdc


def draw(seed: int, n: int, d: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(20))
def test_prdc_agrees_with_the_authors_code(seed):
    d, n, m = 1 + seed, 80 + seed, 100
    x, y = draw(seed, n, d, 0.8)[None], draw(seed + 100, m, d)
    want = reference.compute_prdc(y.double().numpy(), x[0].double().numpy(), 5)
    got = prdc(x, y, 5)
    assert {k: v.item() for k, v in got.items()} == pytest.approx({k: float(v) for k, v in want.items()}, abs=1e-12)


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("x", ["points", "repeated", "mixed"])
@pytest.mark.parametrize("y", ["points", "repeated", "mixed"])
def test_prdc_agrees_with_the_authors_code_on_copies(x, y, d):
    """A ball that reaches its k-th neighbour at distance 0 is open, so it holds nothing, not even its centre's copies."""
    integers = torch.randint(0, 3, (20, d), generator=torch.Generator().manual_seed(0)).float()
    training = draw(1, 500, d)
    sets = {"points": integers.repeat(25, 1), "repeated": training[:50].repeat(20, 1)}
    sets["mixed"] = torch.cat([integers.repeat(3, 1), sets["points"][:100], training[:200]])
    want = reference.compute_prdc(sets[y].double().numpy(), sets[x].double().numpy(), 5)
    got = prdc(sets[x][None], sets[y], 5)
    assert {k: v.item() for k, v in got.items()} == pytest.approx({k: float(v) for k, v in want.items()}, abs=1e-12)
    if "mixed" not in (x, y):
        assert set(want.values()) == {0}


@pytest.mark.parametrize("seed", range(20))
def test_one_nn_agrees_with_scikit_learn(seed):
    x, y = draw(seed, 60, 2 + 2 * seed, 0.7), draw(seed + 50, 60, 2 + 2 * seed)
    union, label = torch.cat([y, x]).numpy(), np.repeat([0, 1], 60)
    hits = cross_val_score(KNeighborsClassifier(1), union, label, cv=LeaveOneOut())
    got = one_nn(x[None], y)
    assert got["one_nn_real"].item() == pytest.approx(hits[:60].mean())
    assert got["one_nn_fake"].item() == pytest.approx(hits[60:].mean())
    assert got["one_nn"].item() == pytest.approx(hits.mean())


@pytest.mark.parametrize("d", [2, 20])
def test_one_nn_of_same_disjoint_and_memorised(d):
    y = draw(0, 500, d)
    same = torch.stack([draw(s, 500, d) for s in range(1, 9)])
    accuracy = one_nn(same, y)["one_nn"]
    assert accuracy.mean().item() == pytest.approx(0.5, abs=3 * 0.5 / math.sqrt(2 * 500))
    assert one_nn((y + 100)[None], y)["one_nn"].item() == 1
    assert one_nn(y[None].clone(), y)["one_nn"].item() == 0


def test_one_nn_counts_ties_half():
    y = torch.zeros(10, 2)
    assert one_nn(torch.zeros(1, 10, 2), y)["one_nn"].item() == 0.5


@pytest.mark.parametrize("d", [8, 12])
def test_coverage_and_density_of_a_perfect_sampler(d):
    """E[coverage] = 1 - prod_{i <= k} (N - i)/(2N - i), E[density] = 1 (Naeem et al. 2020)."""
    n, k = 1000, 5
    got = [prdc(draw(s, n, d)[None], draw(s + 100, n, d), k) for s in range(6)]
    want = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    values = np.array([g["coverage"].item() for g in got])
    assert want == pytest.approx(0.96898, abs=1e-5)
    assert values.mean() == pytest.approx(want, abs=3 * 0.0063 / math.sqrt(6))
    assert np.mean([g["density"].item() for g in got]) == pytest.approx(1, abs=0.03)


def test_disjoint_sets_share_nothing():
    got = prdc(draw(0, 100, 3)[None] + 1000, draw(1, 100, 3))
    assert all(v.item() == 0 for v in got.values())


@pytest.mark.parametrize("case", ["apart", "copies", "point"])
def test_tree_and_blocks_agree(case, monkeypatch):
    y = draw(1, 150, 3)
    x = {"apart": draw(2, 130, 3), "copies": y.clone(), "point": torch.zeros(150, 3)}[case][None]
    by_tree = one_nn(x, y) | prdc(x, y)
    monkeypatch.setattr(distances, "FEW", 0)
    monkeypatch.setattr(distances, "_BLOCK", 150 * 7)
    by_blocks = one_nn(x, y) | prdc(x, y)
    assert {k: v.item() for k, v in by_tree.items()} == pytest.approx({k: v.item() for k, v in by_blocks.items()})


def test_seeds_do_not_see_each_other_and_nan_stays_in_its_lane():
    y = draw(0, 60, 2)
    x = torch.stack([draw(1, 60, 2), draw(2, 60, 2)])
    x[0, 5, 1] = float("inf")
    both, alone = one_nn(x, y) | prdc(x, y), one_nn(x[1:], y) | prdc(x[1:], y)
    assert all(both[k][0].isnan() and both[k][1] == alone[k][0] for k in both)


def test_too_few_samples_are_one_sentence():
    with pytest.raises(ZooError, match="need at least 6 samples, not 4"):
        prdc(draw(0, 4, 2)[None], draw(1, 40, 2))
