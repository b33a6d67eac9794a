"""Scores of a classifier's verdicts and features: closed forms, a plain loop, and torch-fidelity on the same numbers."""

import math

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from zoo.metrics.classifier import inception_score, mode_score
from zoo.metrics.neighbours import prdc
from zoo.metrics.two_samples import frechet, mmd_poly


def features(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples and data ``[300, d]`` that differ in mean and spread."""
    g = torch.Generator().manual_seed(seed)
    d = 2 + seed
    return 0.2 + 0.8 * torch.randn(300, d, generator=g), torch.randn(300, d, generator=g)


def test_the_printed_mode_score_is_the_inception_score() -> None:
    """Che et al.'s exp(E KL(p(y|x) || q) - KL(p(y) || q)) does not depend on q, which is why ours is Xu et al.'s."""
    p, q = (torch.rand(n, 7, dtype=torch.float64).softmax(-1) for n in (50, 1))
    marginal = p.mean(0)
    printed = ((p * (p / q).log()).sum(1).mean() - (marginal * (marginal / q[0]).log()).sum()).exp()
    torch.testing.assert_close(inception_score(p[None])[0], printed)
    assert mode_score(p[None], q[0])[0] != pytest.approx(printed.item(), rel=1e-3)


def test_inception_and_mode_score_of_perfect_and_collapsed():
    k, n = 10, 1000
    perfect = torch.eye(k)[torch.arange(n) % k]
    collapsed = torch.eye(k)[torch.zeros(n, dtype=torch.long)]
    unsure = torch.full((n, k), 1 / k)
    even = torch.full((k,), 1 / k)
    p = torch.stack([perfect, collapsed, unsure])
    assert inception_score(p).tolist() == pytest.approx([k, 1, 1])
    assert mode_score(p, even).tolist() == pytest.approx([k, 1 / k, 1])


@pytest.mark.parametrize("seed", range(20))
def test_scores_agree_with_the_loop(seed):
    rng = np.random.default_rng(seed)
    p, real = rng.dirichlet(np.full(7, 0.3), 50), rng.dirichlet(np.ones(7))
    marginal = p.mean(0)
    gain = np.mean([(q * np.log(q / marginal)).sum() for q in p])
    x = torch.tensor(p)[None]
    assert inception_score(x).item() == pytest.approx(math.exp(gain), rel=1e-9)
    want = math.exp(gain - (marginal * np.log(marginal / real)).sum())
    assert mode_score(x, torch.tensor(real)).item() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_fid_agrees_with_torch_fidelity(seed):
    x, y = features(seed)
    want = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), False)
    assert frechet(x[None], y).item() == pytest.approx(want["frechet_inception_distance"], rel=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_kid_agrees_with_torch_fidelity(seed):
    """Theirs is a mean over subsets: of one that holds everything, so the same number."""
    x, y = features(seed)
    want = kid_features_to_metric(x.double(), y.double(), kid_subsets=1, kid_subset_size=300, verbose=False)
    assert mmd_poly(x[None], y).item() == pytest.approx(want["kernel_inception_distance_mean"], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_inception_score_agrees_with_torch_fidelity(seed):
    logits = 3 * torch.randn(300, 10, generator=torch.Generator().manual_seed(seed))
    want = isc_features_to_metric(logits, splits=1, shuffle=False)["inception_score_mean"]
    assert inception_score(logits.softmax(-1)[None]).item() == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_precision_and_recall_agree_with_torch_fidelity(seed):
    x, y = features(seed)
    want = prc_features_to_metric(
        x.double(), y.double(), prc_neighborhood=5, prc_batch_size=100, save_cpu_ram=False, verbose=False
    )
    got = prdc(x[None], y, 5)
    assert got["precision"].item() == pytest.approx(want["precision"], abs=1e-6)
    assert got["recall"].item() == pytest.approx(want["recall"], abs=1e-6)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_stacks_are_scored_over_all_combinations_of_classes(channels):
    p = torch.rand(2, 30, channels, 3, generator=torch.Generator().manual_seed(0)).softmax(-1)
    joint, classes = p[:, :, 0], torch.rand(3**channels).softmax(0)
    for c in range(1, channels):
        joint = (joint[..., None] * p[:, :, c, None, :]).flatten(2)
    torch.testing.assert_close(inception_score(p), inception_score(joint), rtol=1e-6, atol=0)
    torch.testing.assert_close(mode_score(p, classes), mode_score(joint, classes), rtol=1e-6, atol=0)
