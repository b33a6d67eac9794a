"""The loops that a competent user writes: ``torch.optim`` with fused Adam, no needless copies, no functional overhead.

They do the same work as a round of the zoo (fresh reals and latents for each player's turn), for one seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

Device = torch.device | str


def mlp(inputs: int, outputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )


def ring(n: int, device: Device = "cpu") -> Tensor:
    angle = torch.randint(8, (n,), device=device) * (math.pi / 4)
    return torch.stack([angle.cos(), angle.sin()], 1) * 2 + 0.02 * torch.randn(n, 2, device=device)


def adam(net: nn.Module, lr: float = 1e-3) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999), fused=True)


def ns(
    g: nn.Module,
    d: nn.Module,
    sample: Callable[[int], Tensor],
    batch: int,
    latent: int,
    lr: float = 1e-3,
    device: Device = "cpu",
) -> Callable[[], None]:
    """Non-saturating GAN: one round per call."""
    move_g, move_d = adam(g, lr), adam(d, lr)
    weights_of_d = list(d.parameters())

    def round_() -> None:
        with torch.no_grad():
            fake = g(torch.randn(batch, latent, device=device))
        loss = softplus(-d(sample(batch))).mean() + softplus(d(fake)).mean()
        move_d.zero_grad(set_to_none=True)
        loss.backward()
        move_d.step()
        for p in weights_of_d:
            p.requires_grad_(False)
        loss = softplus(-d(g(torch.randn(batch, latent, device=device)))).mean()
        move_g.zero_grad(set_to_none=True)
        loss.backward()
        move_g.step()
        for p in weights_of_d:
            p.requires_grad_(True)

    return round_


def unrolled(batch: int, latent: int, k: int, width: int = 128, device: Device = "cpu") -> Callable[[], None]:
    """UnrolledGAN, differentiable through k Adam steps of D (with its live moments): ``torch.autograd.grad(create_graph=True)``."""
    g, d = mlp(latent, 2, width).to(device), mlp(2, 1, width).to(device)
    move_g, move_d = adam(g), adam(d)
    names = [n for n, _ in d.named_parameters()]

    def d_loss(params: dict[str, Tensor], x: Tensor, fake: Tensor) -> Tensor:
        call = lambda at: functional_call(d, params, (at,))  # noqa: E731
        return softplus(-call(x)).mean() + softplus(call(fake)).mean()

    def look_ahead(x: Tensor, fake: Tensor) -> dict[str, Tensor]:
        params = dict(d.named_parameters())
        seen = [move_d.state[p] for p in params.values()]
        m, v, t = [s["exp_avg"] for s in seen], [s["exp_avg_sq"] for s in seen], float(seen[0]["step"])
        for _ in range(k):
            grads = torch.autograd.grad(d_loss(params, x, fake), list(params.values()), create_graph=True)
            t += 1
            m = [0.5 * a + 0.5 * q for a, q in zip(m, grads, strict=True)]
            v = [0.999 * a + 0.001 * q * q for a, q in zip(v, grads, strict=True)]
            c1, c2 = 1 - 0.5**t, math.sqrt(1 - 0.999**t)
            moved = [
                p - (1e-3 / c1) * a / ((b + 1e-30).sqrt() / c2 + 1e-8)
                for p, a, b in zip(params.values(), m, v, strict=True)
            ]
            params = dict(zip(names, moved, strict=True))
        return params

    def round_() -> None:
        with torch.no_grad():
            fake = g(torch.randn(batch, latent, device=device))
        loss = softplus(-d(ring(batch, device))).mean() + softplus(d(fake)).mean()
        move_d.zero_grad(set_to_none=True)
        loss.backward()
        move_d.step()
        fake = g(torch.randn(batch, latent, device=device))
        params = look_ahead(ring(batch, device), fake)
        loss = softplus(-functional_call(d, params, (fake,))).mean()
        grads = torch.autograd.grad(loss, list(g.parameters()))
        for p, q in zip(g.parameters(), grads, strict=True):
            p.grad = q
        move_g.step()

    return round_
