"""Mode metrics against hand-made samples with known answers, and against loops written from the definitions."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import toy_data
from zoo.errors import ZooError
from zoo.metrics import modes
from zoo.metrics.modes import PROTOCOLS, Protocol, assign, count, coverage, divergences


def test_a_perfect_sampler_reaches_ceiling_and_floor(ring, generator):
    samples = torch.stack([ring.draw(2500, generator) for _ in range(64)])
    got = coverage(samples, ring)
    assert (got["modes"] == 8).all()
    n = 64 * 2500
    p = 1 - math.exp(-4.5)
    assert got["high_quality"].mean() == pytest.approx(p, abs=3 * math.sqrt(p * (1 - p) / n))
    # (K - 1) / 2N, with the chi-square's standard deviation over 64 seeds
    floor, sd = 7 / (2 * 2500 * p), math.sqrt(2 * 7) / (2 * 2500 * p)
    assert got["reverse_kl"].mean() == pytest.approx(floor, abs=3 * sd / 8)
    assert got["forward_kl"].mean() == pytest.approx(floor, abs=3 * sd / 8 + 1e-4)
    assert got["effective_modes"].mean() == pytest.approx(8, abs=0.02)


@pytest.mark.parametrize("chunk", [1, 40, 1 << 23])
def test_the_closest_modes_are_those_of_all_pairs(monkeypatch, generator, chunk):
    monkeypatch.setattr(modes, "_CHUNK", chunk)
    data = toy_data.Mixture("m", torch.randn(9, 2, generator=generator), sigma=torch.rand(9, generator=generator) + 0.1)
    pairs = {
        (float((data.centres[i] - data.centres[j]).norm() / data._spread[i]), i, j)
        for i in range(9)
        for j in range(9)
        if i != j
    }
    distance, *which = modes.closest(data)
    assert (distance, tuple(which)) == (pytest.approx(min(pairs)[0]), min(pairs)[1:])


@pytest.mark.parametrize("kept", [1, 2, 5, 8])
def test_collapse_onto_m_of_k_modes_has_the_closed_form(ring, kept):
    samples = ring.centres[torch.arange(1000 * kept) % kept][None]
    got = coverage(samples, ring)
    assert got["modes"].item() == kept
    assert got["high_quality"].item() == 1
    assert got["reverse_kl"].item() == pytest.approx(math.log(8 / kept), abs=1e-12)
    assert got["effective_modes"].item() == pytest.approx(kept)
    assert got["chi_square"].item() == pytest.approx(8 / kept - 1)
    forward = math.log(kept / 8) * kept / 8 + (8 - kept) / 8 * math.log(1000 * kept / (8 * 0.5))
    scaled = math.log(1 + (8 - kept) * 0.5 / (1000 * kept))
    assert got["forward_kl"].item() == pytest.approx(forward + scaled)


def test_the_seven_mode_ring_of_linspace(ring):
    """The official notebook's ring doubles one mode and drops one: KL to eight equal modes is .1733."""
    counts = torch.tensor([[2, 1, 1, 1, 1, 1, 1, 0]])
    assert divergences(counts, ring.weights)["reverse_kl"].item() == pytest.approx(0.1733, abs=5e-5)


@pytest.mark.parametrize("seed", range(20))
def test_divergences_agree_with_scipy(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 30))
    counts, w = rng.integers(1, 50, k), rng.dirichlet(np.ones(k))
    got = {n: v.item() for n, v in divergences(torch.tensor(counts)[None], torch.tensor(w)).items()}
    p = counts / counts.sum()
    assert got["reverse_kl"] == pytest.approx(stats.entropy(p, w), rel=1e-9)
    assert got["forward_kl"] == pytest.approx(stats.entropy(w, p), rel=1e-9)
    m = (p + w) / 2
    assert got["js"] == pytest.approx((stats.entropy(p, m) + stats.entropy(w, m)) / 2, rel=1e-9)
    n = counts.sum()
    assert got["chi_square"] * n == pytest.approx(stats.chisquare(counts, n * w).statistic, rel=1e-9)
    assert got["effective_modes"] == pytest.approx(math.exp(stats.entropy(p)), rel=1e-9)


def test_a_plain_loop_counts_the_same(ring, generator):
    samples = torch.randn(3, 200, 2, generator=generator) * 0.7
    ring.sigma = 0.1
    for protocol in (
        Protocol(),
        Protocol(threshold=1.5, hits=3),
        Protocol(box=True),
        Protocol(kl_high_quality_only=False),
    ):
        got = coverage(samples, ring, protocol)
        nearest, high = assign(samples, ring, protocol)
        table = count(nearest, 8, high)
        for s in range(3):
            hits, every, good = [0] * 8, [0] * 8, 0
            for x in samples[s]:
                distances = [math.dist(x.tolist(), c.tolist()) / 0.1 for c in ring.centres]
                k = distances.index(min(distances))
                apart = max(abs(a - b) for a, b in zip(x.tolist(), ring.centres[k].tolist(), strict=True)) / 0.1
                inside = (apart if protocol.box else distances[k]) < protocol.threshold
                hits[k] += inside
                every[k] += 1
                good += inside
            assert table[s].tolist() == hits
            assert got["modes"][s].item() == sum(h >= protocol.hits for h in hits)
            assert got["high_quality"][s].item() == pytest.approx(good / 200)
            counted = np.array(hits if protocol.kl_high_quality_only else every)
            assert got["reverse_kl"][s].item() == pytest.approx(
                stats.entropy(counted / counted.sum(), np.full(8, 1 / 8))
            )


def test_a_seed_far_from_every_mode_gets_the_worst_finite_values(ring):
    got = coverage(torch.full((1, 100, 2), 50.0), ring)
    assert {n: v.item() for n, v in got.items()} == pytest.approx(
        {
            "modes": 0,
            "high_quality": 0,
            "reverse_kl": math.log(8),
            "forward_kl": math.log(2 * 100 / 8),
            "js": math.log(2),
            "chi_square": 7,
            "effective_modes": 0,
        }
    )


def test_no_samples_at_all_is_worse_than_any_collapse_in_forward_kl(ring):
    counts = torch.tensor([[0] * 8, [2500] + [0] * 7, [1250, 1250] + [0] * 6, [313] * 8])
    forward = divergences(counts, ring.weights, drawn=2500)["forward_kl"]
    assert (forward.diff() < 0).all()


def test_forward_kl_of_a_few_counted_samples_is_that_of_a_collapse(ring):
    """Half a sample is of all that were drawn: of three counted ones it once made 1.8 modes' worth, and a divergence below 0."""
    counts = torch.tensor([[2, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0], [1000, 500, 0, 0, 0, 0, 0, 0]])
    two, one, many = divergences(counts, ring.weights, drawn=2500)["forward_kl"].tolist()
    q = np.maximum(np.array([2, 1, 0, 0, 0, 0, 0, 0]) / 3, 0.5 / 2500)
    assert two == many == pytest.approx(stats.entropy(np.full(8, 1 / 8), q / q.sum()))
    assert 4 < two < one


@given(st.lists(st.integers(0, 40), min_size=2, max_size=12), st.integers(500, 3000))
def test_divergences_are_never_below_0(counts, drawn):
    found = divergences(torch.tensor([counts]), torch.full((len(counts),), 1 / len(counts)), drawn)
    assert all(v.item() >= -1e-12 for v in found.values())


def test_nan_and_infinite_samples_never_count(ring, generator):
    clean = ring.draw(500, generator)
    broken = clean.clone()
    broken[::2, 0] = float("nan")
    broken[1::4, 1] = float("inf")
    both = coverage(
        torch.stack([broken, torch.full_like(clean, float("nan"))]), ring, Protocol(kl_high_quality_only=False)
    )
    kept = coverage(clean[3::4][None], ring, Protocol(kl_high_quality_only=False))
    assert both["reverse_kl"][0] == kept["reverse_kl"][0]
    assert both["high_quality"][0].item() == pytest.approx(kept["high_quality"].item() / 4)
    assert both["modes"][1] == 0
    assert all(torch.isfinite(v).all() for v in both.values())


def test_seeds_do_not_see_each_other_nor_the_chunks(ring, generator, monkeypatch):
    samples = torch.stack([ring.draw(300, generator, keep=k) for k in (1, 3, 8)])
    whole = coverage(samples, ring)
    monkeypatch.setattr("zoo.metrics.modes._CHUNK", 16 * 7)
    assert {n: v.tolist() for n, v in coverage(samples, ring).items()} == {n: v.tolist() for n, v in whole.items()}
    alone = coverage(samples[1:2], ring)
    assert all(whole[n][1] == alone[n][0] for n in whole)


def test_weights_of_the_mixture_count(ring):
    ring.weights = torch.tensor([0.65] + [0.05] * 7)
    counts = torch.tensor([[65] + [5] * 7])
    assert divergences(counts, ring.weights)["reverse_kl"].item() == pytest.approx(0, abs=1e-7)
    assert count(torch.tensor([[0, 0, -1, 3]]), 4).tolist() == [[2, 0, 0, 1]]


def test_box_ceiling_of_the_selfcond_protocol(ring, generator):
    got = coverage(ring.draw(200_000, generator)[None], ring, PROTOCOLS["selfcond"])
    assert got["high_quality"].item() == pytest.approx(0.99461, abs=3 * math.sqrt(0.0054 / 200_000))


def test_wrong_shapes_are_one_sentence(ring):
    with pytest.raises(ZooError, match=r"need \[seeds, N, 2\]"):
        assign(torch.zeros(10, 2), ring)


def test_the_protocol_goes_into_json():
    assert Protocol().as_dict() == {
        "name": "pacgan",
        "threshold": 3.0,
        "samples": 2500,
        "hits": 1,
        "kl_high_quality_only": True,
        "box": False,
        "even_weights": False,
    }


def test_published_divergences_of_stacked_mnist_are_taken_to_even_modes(ring):
    ring.weights = torch.tensor([0.65] + [0.05] * 7)
    samples = ring.centres[torch.arange(800) % 8][None]
    even = Protocol(even_weights=True)
    assert coverage(samples, ring, even)["reverse_kl"].item() == pytest.approx(0, abs=1e-7)
    assert coverage(samples, ring)["reverse_kl"].item() > 0.3


@pytest.mark.parametrize("name", ["ring-3d", "cube1200"])
def test_a_box_is_no_thinner_than_the_widest_noise(name, generator):
    """Where a coordinate holds no noise three of its standard deviations are nothing, and no sample would be inside."""
    data = toy_data.load(name)
    box = replace(PROTOCOLS["selfcond"], threshold=5.0)
    assert coverage(data.sample(400, generator)[None], data, box)["high_quality"].item() > 0.99
