"""Metrics of a classifier's class probabilities ``[S, N, K]``, or ``[S, N, c, K]`` of stacks of c images, whose classes are the K^c
combinations; its features go to ``two_samples`` (FID, KID)."""

from __future__ import annotations

import torch
from torch import Tensor


def inception_score(probabilities: Tensor) -> Tensor:
    """exp E_x KL(p(y|x) || p(y)) (Salimans et al. 2016, arXiv:1606.03498, section 4): ``[S]``.

    K for a sure classifier and even classes, 1 for one class. On all N samples at once, not in ten splits.
    """
    return _information(probabilities)[0].exp()


def mode_score(probabilities: Tensor, classes: Tensor) -> Tensor:
    """exp(E_x KL(p(y|x) || p(y)) - KL(p(y) || p*(y))), p* = ``classes [K]`` (of stacks ``[K^c]``), the data's (Xu et al. 2018,
    arXiv:1806.07755, and their code): ``[S]``.

    K for a perfect sampler of even classes, 1/K for one class. Che et al. 2017 (arXiv:1612.02136), who named it, print
    exp(E_x KL(p(y|x) || p*) - KL(p || p*)), which is the inception score whatever p* is: the terms in p* cancel.
    """
    gain, marginal = _information(probabilities)
    apart = (torch.xlogy(marginal, marginal) - torch.xlogy(marginal, classes.double().to(marginal.device))).sum(-1)
    return (gain - apart).exp()


def _information(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """E_x KL(p(y|x) || p(y)) = H(p(y)) - E_x H(p(y|x)), ``[S]``, and p(y), ``[S, K^c]``.

    Given x the images of a stack are independent: H(p(y|x)) is the sum of theirs, and p(y) the mean product, never held for every sample.
    """
    p = probabilities.double()
    p = p if p.ndim == 4 else p[:, :, None]
    joint = p[:, :, 0]
    for channel in range(1, p.shape[2] - 1):
        joint = torch.einsum("sni,snj->snij", joint, p[:, :, channel]).flatten(2)
    marginal = (
        torch.einsum("sni,snj->sij", joint, p[:, :, -1]).flatten(1) / p.shape[1] if p.shape[2] > 1 else joint.mean(1)
    )
    unsure = torch.special.entr(p).sum((-2, -1)).mean(1)
    return torch.special.entr(marginal).sum(-1) - unsure, marginal
