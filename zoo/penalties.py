"""The shared penalties on a critic's slope with respect to its input. A critic is ``x [B, *data] -> [B, 1]`` or ``[B]``."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad

Critic = Callable[[Tensor], Tensor]

ROOT = 1e-24
"""Stands inside the norm's root, whose slope is infinite where a gradient is exactly 0 (a dead ReLU)."""


def slope(critic: Critic, x: Tensor) -> Tensor:
    """The critic's gradient with respect to each sample, ``[B, data]`` (the critic must treat each sample by itself)."""
    return grad(lambda x: critic(x).sum())(x).flatten(1)


def squared_slope(critic: Critic, x: Tensor) -> Tensor:
    """E |grad_x D(x)|^2: Mescheder et al. 2018, arXiv:1801.04406, equation 9, without its gamma / 2."""
    return slope(critic, x).square().sum(1).mean()


def unit_slope(critic: Critic, x: Tensor) -> Tensor:
    """E (|grad_x D(x)| - 1)^2: Gulrajani et al. 2017, arXiv:1704.00028, equation 3, without its lambda."""
    return ((slope(critic, x).square().sum(1) + ROOT).sqrt() - 1).square().mean()


def between(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """The point ``share [B, 1]`` of the way from a to b ``[B, *data]``."""
    return torch.lerp(a, b, share.reshape(-1, *[1] * (a.dim() - 1)))
