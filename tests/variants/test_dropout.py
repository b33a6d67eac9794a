"""Dropout in D: the losses with the masks by hand."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from zoo.nets.layers import Dropped, steps
from zoo.variants.dropout import Dropout


def test_real_and_fake_have_masks_of_their_own(small) -> None:
    s = small(Dropout(p=0.4))
    assert isinstance(s.D, Dropped)
    u = s.batch.u
    assert u.shape[1] == 2 * Dropped.DIGITS

    def judged(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        """D with a share of its hidden units off, layer by layer."""
        for i, layer in enumerate(steps(s.D.chain)):
            x = layer(x)
            if hasattr(s.D, f"N{i}"):
                on = (u @ getattr(s.D, f"N{i}")) % 1 >= 0.4
                x = torch.where(on, x / 0.6, 0.0)
        return x

    fake = s.G(s.batch.z)
    d_loss = softplus(-judged(s.batch.x, u[:, :16])).mean() + softplus(judged(fake, u[:, 16:])).mean()
    torch.testing.assert_close(s.variant.d_loss(s.nets, s.batch), d_loss)
    torch.testing.assert_close(s.variant.g_loss(s.nets, s.batch), softplus(-judged(fake, u[:, :16])).mean())
    assert (d_loss - softplus(-s.D.chain(s.batch.x)).mean() - softplus(s.D.chain(fake)).mean()).abs() > 1e-3
