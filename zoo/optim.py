"""Pure optimisers: a step is a function of its inputs, elementwise and differentiable, so that a loss may look ahead through it.

``torch.optim`` moves parameters in place and cannot be differentiated through; UnrolledGAN needs exactly that. Here

    theta', state' = optimiser.step(theta, gradient, state, lr)

with a flat ``theta [..., P]`` and scalars (``lr``, the step count ``t``) of shape ``[...]``: the same ten lines serve one seed
and a stack of seeds. Each is tested against ``torch.optim`` to float64 precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

State: TypeAlias = dict[str, Tensor]


class Optimiser(Protocol):
    """An optimiser: ``init`` makes its state for parameters ``theta``, ``step`` moves them once."""

    def init(self, theta: Tensor) -> State: ...

    def step(self, theta: Tensor, grad: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]: ...


def _bias(beta: float, t: Tensor) -> Tensor:
    """1 - beta^t, without cancellation; shape ``[..., 1]``."""
    return -torch.expm1(t * math.log(beta))[..., None] if beta else torch.ones_like(t)[..., None]


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1), with a root epsilon.

    m' = b1 m + (1 - b1) g,  v' = b2 v + (1 - b2) g^2,  theta' = theta - lr m'/(1 - b1^t) / (sqrt(v'/(1 - b2^t) + eps_root) + eps)

    ``eps_root`` only keeps the slope of the square root finite where a gradient is exactly 0 (a dead ReLU): without it the
    derivative through a step is NaN there. At 1e-30 it is far below what changes a step in float32 or float64.
    """

    b1: float = 0.5
    b2: float = 0.999
    eps: float = 1e-8
    eps_root: float = 1e-30

    def init(self, theta: Tensor) -> State:
        return {"m": torch.zeros_like(theta), "v": torch.zeros_like(theta), "t": theta.new_zeros(theta.shape[:-1])}

    def step(self, theta: Tensor, grad: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        t = state["t"] + 1
        m = torch.lerp(state["m"], grad, 1 - self.b1)
        v = torch.addcmul(state["v"] * self.b2, grad, grad, value=1 - self.b2)
        # lr, both corrections and eps in one pass over the root, the rest in another: large networks wait for memory, not for arithmetic
        rate = lr[..., None] / _bias(self.b1, t)
        root = torch.addcmul(self.eps / rate, (v + self.eps_root).sqrt(), _bias(self.b2, t).rsqrt() / rate)
        return torch.addcdiv(theta, m, root, value=-1), {"m": m, "v": v, "t": t}


def takes_betas(optimiser: Optimiser) -> bool:
    """Whether a recipe's b1 and b2 replace its own: those of Adam and its kin, unless the method has said them."""
    return isinstance(optimiser, Adam) and optimiser == type(optimiser)()


@dataclass(frozen=True)
class RMSprop:
    """RMSprop as in ``torch.optim`` (Tieleman & Hinton 2012): v' = a v + (1 - a) g^2,  theta' = theta - lr g / (sqrt(v') + eps)."""

    alpha: float = 0.99
    eps: float = 1e-8
    eps_root: float = 1e-30

    def init(self, theta: Tensor) -> State:
        return {"v": torch.zeros_like(theta)}

    def step(self, theta: Tensor, grad: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        v = torch.addcmul(state["v"] * self.alpha, grad, grad, value=1 - self.alpha)
        return theta - lr[..., None] * grad / ((v + self.eps_root).sqrt() + self.eps), {"v": v}


@dataclass(frozen=True)
class SGD:
    """Gradient descent with heavy-ball momentum: u' = mu u + g,  theta' = theta - lr u'."""

    momentum: float = 0.0

    def init(self, theta: Tensor) -> State:
        return {"u": torch.zeros_like(theta)} if self.momentum else {}

    def step(self, theta: Tensor, grad: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        if not self.momentum:
            return theta - lr[..., None] * grad, {}
        u = state["u"] * self.momentum + grad
        return theta - lr[..., None] * u, {"u": u}
