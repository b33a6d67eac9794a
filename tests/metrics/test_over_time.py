"""Synthetic histories with known answers; honest and memorising samplers for the overfitting gap."""

import math

import pytest
import torch

from zoo.metrics.over_time import first_full_coverage, modes_lost, overfit


def test_the_first_full_coverage():
    modes = torch.tensor([[3, 8, 0], [8, 8, 7], [2, 8, 7]])
    assert first_full_coverage(modes, torch.tensor([100, 200, 300]), 8).tolist() == [200, 100, math.inf]


def test_modes_lost_counts_every_loss_once():
    rotating = 100 * torch.eye(4).long()  # one mode at a time, another at every evaluation: 3 losses
    steady = torch.full((4, 4), 50)
    growing = 60 * torch.tril(torch.ones(4, 4)).long()
    sparse = 9 * torch.eye(4).long()  # so few that chance may do it
    assert modes_lost(torch.stack([rotating, steady, growing, sparse], 1)).tolist() == [3, 0, 0, 0]


@pytest.mark.parametrize("d", [2, 12])
def test_the_overfitting_gap_of_honest_and_copying_samplers(d):
    g = torch.Generator().manual_seed(0)
    train, new, honest = (torch.randn(800, d, generator=g) for _ in range(3))
    got = overfit(torch.stack([honest, train]), train, new)
    sd = math.sqrt(2) * 0.5 / math.sqrt(2 * 800)
    assert got["overfit_one_nn"][0].item() == pytest.approx(0, abs=3 * sd)
    assert got["overfit_one_nn"][1].item() == pytest.approx(0.5, abs=3 * sd)
    assert got["overfit_frechet"][1] > abs(got["overfit_frechet"][0])
