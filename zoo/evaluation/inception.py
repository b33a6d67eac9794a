"""Fréchet distances between Inception-v3's features: the FID that papers on photographs report. Behind the extra `inception`.

torch-fidelity brings the network and finds its weights (converted from the TensorFlow graph of Heusel et al. 2017), which
are downloaded on first use, or read from the file that the variable ``ZOO_INCEPTION`` names.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from zoo.errors import ZooError
from zoo.metrics.two_samples import frechet

MISSING = "needs torch-fidelity; install it in a checkout of the zoo with: pip install -e '.[inception]'."
FEWEST = 2049
"""Samples below which the covariance of 2048 features has no inverse, and FID says little."""


def extractor() -> nn.Module:
    """Inception-v3 up to its 2048 pooled features. ``ZooError`` says what is missing: the package, or the weights."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise ZooError(f"Inception's FID {MISSING}") from error
    path = os.environ.get("ZOO_INCEPTION")
    try:
        found: nn.Module = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=path
        )
    except (OSError, RuntimeError) as error:
        tried = f"read from {path}" if path else "downloaded"
        raise ZooError(
            f"Inception's weights cannot be {tried} ({error}); ZOO_INCEPTION may name a file with them, else fid uses our judge."
        ) from error
    return found


@torch.no_grad()
def features(images: Tensor, net: nn.Module, batch: int = 64) -> Tensor:
    """``[..., 3, h, w]`` in [-1, 1] -> ``[..., 2048]``; the network scales them to 299 x 299 itself."""
    flat = images.reshape(-1, *images.shape[-3:])
    pixels = flat.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    found = torch.cat([net(part)[0] for part in pixels.split(batch)])
    return found.view(*images.shape[:-3], -1)


def inception_fid(samples: Tensor, real: Tensor) -> Tensor:
    """FID of ``samples [S, N, 3, h, w]`` against ``real [M, 3, h, w]``: ``[S]``; NaN for seeds with NaN samples."""
    if min(samples.shape[1], len(real)) < FEWEST:
        raise ZooError(
            f"Inception's FID needs at least {FEWEST:,} samples on either side, not {min(samples.shape[1], len(real)):,}."
        )
    net = extractor()
    finite = samples.flatten(1).isfinite().all(1)
    clean = torch.where(finite.view(-1, 1, 1, 1, 1), samples, 0.0)
    return torch.where(finite, frechet(features(clean, net), features(real, net)), torch.nan)
