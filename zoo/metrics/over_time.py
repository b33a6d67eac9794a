"""What the last evaluation does not show: when modes were found, whether they were lost again, whether data is
copied."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.metrics.neighbours import one_nn
from zoo.metrics.two_samples import frechet


def first_full_coverage(modes: Tensor, rounds: Tensor, k: int) -> Tensor:
    """The first evaluated round at which all k modes are covered: ``modes [R, S]``, ``rounds [R]`` -> ``[S]``; inf for
    never."""
    at = torch.where(modes >= k, rounds.double()[:, None], torch.inf)
    return at.amin(0)


SURE = 10
"""Samples that a mode must have had for their absence at the next evaluation to be a loss (by chance: e^-10)."""


def lost(counts: Tensor) -> Tensor:
    """Which modes had ``SURE`` samples at one evaluation and none at the next: ``counts [R, S, K]`` -> ``[R - 1, S, K]``."""
    return (counts[:-1] >= SURE) & (counts[1:] == 0)


def modes_lost(counts: Tensor) -> Tensor:
    """Modes lost between evaluations, summed over the run: ``counts [R, S, K]`` -> ``[S]``."""
    return lost(counts).sum((0, -1)).double()


def overfit(samples: Tensor, train: Tensor, held_out: Tensor) -> dict[str, Tensor]:
    """How much nearer the samples are to the training data than to data of the same distribution held out: ``[S]``
    each.

    ``overfit_one_nn``: 1-NN accuracy against held-out less that against training data (Xu et al. 2018,
    arXiv:1806.07755): 0 for an honest sampler, .5 for copies. ``overfit_frechet``: the same of Fréchet
    distances. All three sets are cut to one size, since both measures depend on it.
    """
    n = min(samples.shape[1], len(train), len(held_out))
    x, seen, new = samples[:, :n], train[:n], held_out[:n]
    return {
        "overfit_one_nn": one_nn(x, new)["one_nn"] - one_nn(x, seen)["one_nn"],
        "overfit_frechet": frechet(x, new) - frechet(x, seen),
    }
