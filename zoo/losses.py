"""The shared formulas, on logits ``l`` of one seed; ``sp`` is softplus, so none overflows.

With D = sigmoid(l):  -log D = sp(-l),  -log(1 - D) = sp(l).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus


def real(logits: Tensor) -> Tensor:
    """-E log D: low when D calls these real."""
    return softplus(-logits).mean()


def fake(logits: Tensor) -> Tensor:
    """-E log(1 - D): low when D calls these fake."""
    return softplus(logits).mean()


def class_is(logits: Tensor, k: int) -> Tensor:
    """-E log softmax(logits)_k: low when the classifier calls these class ``k``; logits ``[B, K]``."""
    return -torch.log_softmax(logits, dim=-1)[..., k].mean()


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """E |a - b|^2 per element (the mean over all of them, so that it does not grow with the data's size)."""
    return (a - b).square().mean()


def log_softplus(x: Tensor) -> Tensor:
    """log(log(1 + e^x)), elementwise; x itself below -20, where they agree to 1e-9 and e^x would vanish."""
    return softplus(x.clamp(min=-20)).log() + (x + 20).clamp(max=0)


def normal(u: Tensor) -> Tensor:
    """U(0, 1) to N(0, 1), by the quantile function; within 5 standard deviations, since a float32 draw may be exactly 0."""
    return math.sqrt(2) * torch.erfinv((2 * u - 1).clamp(-1 + 1e-6, 1 - 1e-6))


def discriminator_accuracy(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """How D judges: its accuracy on real and on fake, and its mean output on both (all 1/2 where it cannot tell), from its outputs in [0, 1]."""
    return {
        "real_accuracy": (real > 0.5).to(real.dtype).mean(),
        "fake_accuracy": (fake < 0.5).to(fake.dtype).mean(),
        "real_output": real.mean(),
        "fake_output": fake.mean(),
    }
