"""The mixtures that papers count modes on. Sigma is a standard deviation throughout (some codes mean a variance by that name)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from toy_data.mixtures import Mixture


def _circle(modes: int, radius: float) -> Tensor:
    """Centres at angles 2 pi i / modes: the end point, which is the start, is left out."""
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
    return radius * torch.stack([angle.cos(), angle.sin()], -1)


def ring(modes: int = 8, radius: float = 2.0, sigma: float = 0.02) -> Mixture:
    """Metz et al. 2017, arXiv:1611.02163, appendix A."""
    return Mixture("ring", _circle(modes, radius), sigma=sigma)


def ring_pacgan() -> Mixture:
    """Lin et al. 2018, arXiv:1712.04086, section 4.1; also VEEGAN's."""
    return Mixture("ring-pacgan", _circle(8, 1.0), sigma=0.01)


def ring_d2gan() -> Mixture:
    """Nguyen et al. 2017, arXiv:1709.03831: the ring with covariance .02 I (tund/D2GAN hands ``std = .02`` over as a covariance)."""
    return Mixture("ring-d2gan", _circle(8, 2.0), sigma=math.sqrt(0.02))


def ring_3d() -> Mixture:
    """Roth et al. 2017, arXiv:1705.09367: 7 modes on a circle of a plane in space (theirs is tilted; rothk/Stabilizing_GANs, 3DGAN.py)."""
    return Mixture("ring-3d", torch.nn.functional.pad(_circle(7, 1.0), (0, 1)), sigma=0.01, noisy=2)


def ring_imbalanced() -> Mixture:
    """Our own: the ring with weights ~ 2^(-k/2), so the first mode holds 31.2 % and the last 2.8 %."""
    weights = 2.0 ** (-torch.arange(8, dtype=torch.float64) / 2)
    return Mixture("ring-imbalanced", _circle(8, 2.0), sigma=0.02, weights=weights / weights.sum())


def ring_metz_bug() -> Mixture:
    """The ring of the notebook released with UnrolledGAN: ``linspace(0, 2 pi, 8)`` ends where it starts, so 7 modes, the first doubled.

    KL(this || 8 equal modes) = 0.1733: what a method is charged that learns it perfectly.
    """
    weights = torch.ones(7, dtype=torch.float64)
    weights[0] = 2
    return Mixture("ring-metz-bug", _circle(7, 1.0), sigma=0.01, weights=weights / 8)


def _lattice(name: str, side: int, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    axis = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
    return Mixture(name, torch.cartesian_prod(axis, axis), sigma=sigma)


def grid() -> Mixture:
    """5 x 5 modes at -4, -2, ..., 4: VEEGAN (arXiv:1705.07761, section 4.1) and PacGAN."""
    return _lattice("grid", 5)


def grid_wide() -> Mixture:
    """Lim & Ye 2017, arXiv:1705.02894: centres linspace(-21, 21, 5) squared, variance .1 (lim0606/pytorch-geometric-gan, datasets/toy.py)."""
    return _lattice("grid-wide", 5, 10.5, math.sqrt(0.1))


def grid100() -> Mixture:
    """10 x 10 modes at -9, -7, ..., 9: the grid, four times as many."""
    return _lattice("grid100", 10)


def gmm1d() -> Mixture:
    """MAD-GAN's line (Ghosh et al. 2018, arXiv:1704.02906, section 5.1; numbers from the authors' code)."""
    centres = torch.tensor([[10.0], [20.0], [60.0], [80.0], [110.0]])
    return Mixture("gmm1d", centres, sigma=torch.tensor([3.0, 3.0, 2.0, 2.0, 1.0]))


def cube1200() -> Mixture:
    """VEEGAN's ten modes m (1, ..., 1) in 1200 dimensions with N(0, 1) on the first 700 (numbers from PacGAN's code).

    The data itself lies sqrt(700) = 26.5 sigmas from its centres, so no threshold of 3 or 10 suits it.
    """
    m = torch.tensor([-1.0, -0.5, 0.0, 0.5, -2.0, -2.5, 10.0, 0.25, -13.0, -5.5])
    return Mixture("cube1200", m[:, None].expand(-1, 1200), sigma=1.0, noisy=700)
