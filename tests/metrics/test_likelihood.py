"""Likelihoods against scikit-learn and closed forms."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity

from zoo.metrics.likelihood import Decoder, _betas, _Chains, ais, kde


@pytest.mark.parametrize("seed", range(20))
def test_kde_agrees_with_scikit_learn(seed):
    g = torch.Generator().manual_seed(seed)
    d = 1 + seed
    x, y = torch.randn(2, 50, d, generator=g), torch.randn(60, d, generator=g)
    grid = torch.tensor([0.2, 0.5, 1.0])
    got = kde(x, y, grid)
    for s in range(2):
        fits = {h: KernelDensity(bandwidth=h).fit(x[s].double().numpy()) for h in grid.tolist()}
        best = max(fits, key=lambda h: fits[h].score(y[:30].double().numpy()))
        assert got["bandwidth"][s].item() == pytest.approx(best)
        assert got["kde"][s].item() == pytest.approx(fits[best].score(y[30:].double().numpy()) / 30, rel=1e-4)


def test_kde_of_a_perfect_sampler_nears_the_entropy_and_a_collapsed_one_falls(ring, generator):
    ring.sigma = 0.1
    x = torch.stack([ring.draw(2000, generator, keep=k) for k in (8, 4, 1)])
    got = kde(x, ring.draw(2000, generator))["kde"]
    entropy = math.log(8) + math.log(2 * math.pi * math.e * 0.1**2)  # the modes hardly overlap
    assert got[0].item() == pytest.approx(-entropy, abs=0.1)
    assert got[0] > got[1] + 1 > got[2] + 1  # a wide kernel bridges the gaps: KDE hardly tells four modes from one


def linear(seed: int, d: int, latent: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(d, latent, generator=g).double(), torch.randn(d, generator=g).double()


def gap(decoder: Decoder, like: torch.Tensor, latent: int, sigma: float, temperatures: int, chains: int, seed: int = 0):
    """How wrong ``ais`` can be: on simulated data, mean upper bound less mean lower bound (Grosse et al. 2015, arXiv:1511.02543)."""
    run, n, betas = _Chains(decoder, sigma, 10, torch.Generator().manual_seed(seed)), len(like), _betas(temperatures)
    truth = run.normal(n, latent, like)
    mean = decoder(truth)
    fake = mean + sigma * run.normal(n, mean.shape[1], like)
    forward = run.anneal(fake, run.normal(n * chains, latent, like), betas, chains)
    backward = -run.anneal(fake, truth.repeat_interleave(chains, 0), betas.flip(0), chains)
    return float((backward - forward).mean())


@pytest.mark.parametrize("seed", range(2))
def test_ais_of_a_linear_generator_is_exact(seed):
    """log N(x; b, W W' + s^2 I)."""
    w, b = linear(seed, 4, 2)
    sigma = 0.3
    exact = torch.distributions.MultivariateNormal(b, w @ w.T + sigma**2 * torch.eye(4).double())
    torch.manual_seed(seed)
    x = exact.sample((8,))
    got = ais(lambda z: z @ w.T + b, x, latent=2, sigma=sigma, temperatures=200, chains=32, seed=seed)
    error = got - exact.log_prob(x)
    assert error.abs().max() < 0.5
    assert error.mean().item() == pytest.approx(0, abs=3 * float(error.std()) / math.sqrt(8) + 0.02)
    assert abs(gap(lambda z: z @ w.T + b, x, 2, sigma, temperatures=200, chains=32, seed=seed)) < 0.2


def test_the_bidirectional_gap_closes_with_more_temperatures():
    w, b = linear(7, 6, 3)
    x = torch.zeros(32, 6).double()
    gaps = [gap(lambda z: z @ w.T + b, x, 3, 0.3, temperatures=t, chains=16) for t in (5, 40, 200)]
    assert gaps[0] > gaps[1] > gaps[2] > -0.1
    assert gaps[2] < 0.3


def test_the_temperatures_are_dense_where_the_chains_begin_alone():
    """The released code's are dense at both ends, a sigmoid between -4 and 4: ``ais`` says that it differs."""
    ours = _betas(300).numpy()
    sigmoid = 1 / (1 + np.exp(-np.linspace(-4, 4, 301)))
    theirs = (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])
    assert ours[0] == theirs[0] == 0
    assert ours[-1] == theirs[-1] == 1
    (start, end), (their_start, their_end) = (np.diff(b)[[0, -1]] for b in (ours, theirs))
    assert start < 1e-9 < 1e-2 < end
    assert their_start == pytest.approx(their_end)
    said = " ".join((ais.__doc__ or "").split())
    assert "10,000 temperatures, on a sigmoid between -4 and 4" in said


def test_ais_is_the_same_for_the_same_seed():
    x = torch.ones(2, 2)
    runs = [ais(torch.tanh, x, 2, 0.5, temperatures=10, chains=2, seed=s) for s in (1, 1, 2)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert np.isfinite(runs[0].numpy()).all()


def test_the_metric_costs_one_set_of_anneals(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cost three: the gap came with it."""
    annealed, calls = _Chains.anneal, []
    monkeypatch.setattr(_Chains, "anneal", lambda *args: calls.append(1) or annealed(*args))
    ais(torch.tanh, torch.ones(2, 2), 2, 0.5, temperatures=3, chains=2)
    assert len(calls) == 1
