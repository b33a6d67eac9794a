"""The two classics: losses as probabilities, in numpy."""

import numpy as np
import pytest
import torch

from zoo.variants.ns import NonSaturating
from zoo.variants.vanilla import Vanilla


def probability(logits: torch.Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.detach().numpy()))


@pytest.mark.parametrize("variant", [NonSaturating(), Vanilla()])
def test_losses(small, variant) -> None:
    s = small(variant)
    real, fake = probability(s.D(s.batch.x)), probability(s.D(s.G(s.batch.z)))
    d_loss = -np.log(real).mean() - np.log(1 - fake).mean()
    g_loss = np.log(1 - fake).mean() if variant.name == "vanilla" else -np.log(fake).mean()
    np.testing.assert_allclose(variant.d_loss(s.nets, s.batch), d_loss, rtol=1e-12)
    np.testing.assert_allclose(variant.g_loss(s.nets, s.batch), g_loss, rtol=1e-12)


def test_the_saturating_loss_does_not_overflow(small) -> None:
    s = small(Vanilla())
    far = s.nets.bind(D=s.nets.params["D"] * 1e4)
    assert torch.isfinite(s.variant.g_loss(far, s.batch))
    assert torch.isfinite(s.variant.d_loss(far, s.batch))
