"""Metrics of a classifier's class probabilities ``[S, N, K]``; its features go to ``two_samples`` (FID, KID)."""

from __future__ import annotations

import torch
from torch import Tensor


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def inception_score(probabilities: Tensor) -> Tensor:
    """exp E_x KL(p(y|x) || p(y)) (Salimans et al. 2016, arXiv:1606.03498, section 4): ``[S, N, K]`` -> ``[S]``.

    K for a sure classifier and even classes, 1 for one class. On all N samples at once, not in ten splits.
    """
    p = probabilities.double()
    return _kl(p, p.mean(1, keepdim=True)).mean(-1).exp()


def mode_score(probabilities: Tensor, classes: Tensor) -> Tensor:
    """exp(E_x KL(p(y|x) || p(y)) - KL(p(y) || p*(y))), p* = ``classes [K]``, the data's (Xu et al. 2018,
    arXiv:1806.07755, and their code): ``[S, N, K]`` -> ``[S]``.

    K for a perfect sampler of even classes, 1/K for one class. Che et al. 2017 (arXiv:1612.02136), who named it, print
    exp(E_x KL(p(y|x) || p*) - KL(p || p*)), which is the inception score whatever p* is: the terms in p* cancel.
    """
    p = probabilities.double()
    marginal = p.mean(1)
    return (_kl(p, marginal[:, None]).mean(-1) - _kl(marginal, classes.double().to(p.device))).exp()
