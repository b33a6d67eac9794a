"""How samples are counted, by the papers that published numbers so. Importing this file imports no torch: `zoo list` tells of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """How samples are counted. Every number carries one: numbers under different protocols are not comparable."""

    name: str = "pacgan"
    threshold: float = 3.0
    """HQ below this many standard deviations (Mahalanobis; per coordinate when ``box``)."""
    samples: int = 2500
    """Samples to draw per seed."""
    hits: int = 1
    """HQ samples that a mode needs to count as covered."""
    kl_high_quality_only: bool = True
    """Whether the divergences over modes count only HQ samples, or every finite one by its nearest mode."""
    box: bool = False
    """HQ when every coordinate lies within the threshold, instead of the distance."""
    even_weights: bool = False
    """Whether divergences are taken to even modes, whatever the data's own weights are."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def inside(self, dimensions: int) -> float:
        """The share of a Gaussian mode that is of high quality."""
        from scipy.stats import chi2

        share = chi2.cdf(self.threshold**2, 1) ** dimensions if self.box else chi2.cdf(self.threshold**2, dimensions)
        return float(share)


ABOUT: dict[Protocol, str] = {
    Protocol(): "Lin et al. 2018: 2,500 samples, of high quality within 3 sigmas (98.889 % of a perfect 2-D sampler's).",
    Protocol("veegan"): "Srivastava et al. 2017: counted as by pacgan; they give means over five runs.",
    # Their 1200-D data: N(0, 1) on 700 coordinates, so the data itself lies sqrt(700) = 26.5 sigmas from its
    # centre and never within their "10 sigma"; this radius keeps the 2-D protocol's share of perfect samples:
    # chi2.ppf(1 - exp(-4.5), 700) ** .5
    Protocol(
        "cube1200", threshold=28.078
    ): "VEEGAN's 1200-D data: a radius that keeps as many perfect samples as pacgan's does in 2-D.",
    Protocol("selfcond", samples=50_000, kl_high_quality_only=False, box=True): (
        "Liu et al. 2020: 50,000 samples, every coordinate within 3 sigmas (99.461 % of a perfect 2-D sampler's)."
    ),
    Protocol("dyngan", threshold=1.0): "As by pacgan, but within one sigma.",
    Protocol("quantile"): (
        "As by pacgan, but within the radius that holds 98.889 % of a Gaussian mode of the data's dimensions: 3 sigmas in 2-D, 6.1 in 20-D."
    ),
    Protocol("one-percent", hits=25): "As by pacgan, but a mode is covered only by 1 % of the samples, 25 of 2,500.",
    Protocol("stacked-mnist", samples=26_000, even_weights=True): (
        "VEEGAN and PacGAN: 26,000 samples, each of the mode that the judge names, without threshold; KL to 1000 even modes."
    ),
}
"""Every protocol, and what it is in one line."""
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in ABOUT}


def radius(dimensions: int) -> float:
    """The Mahalanobis radius that holds as much of a Gaussian mode as 3 standard deviations do in two dimensions."""
    from scipy.stats import chi2

    return round(math.sqrt(chi2.isf(math.exp(-4.5), dimensions)), 3)
