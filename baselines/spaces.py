"""What `zoo tune` tries, on which seeds: pairs of learning rates, a slow D, one alternative to each method's own strength. All chosen by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TRIED, JUDGED = "100-103", "0-15"
"""Seeds of every trial, and those that judge the best of them, which no trial has seen."""
SLOW = 10.0
"""How many times slower than the recipe's own rate D's is in the last trial of every method, with G's rate as it is: what look-ahead needs."""


@dataclass(frozen=True)
class Space:
    """What is tried on a recipe: pairs of learning rates of (judges, generators), and each method's other strength."""

    rates: tuple[tuple[float, float], ...]
    """The first is the recipe's own. A method with another strength takes the first two of them."""
    others: dict[str, dict[str, Any]]

    @property
    def for_this_data(self) -> list[str]:
        """The methods whose other strength is not the one that is tried on every recipe."""
        return sorted(name for name, strength in self.others.items() if OTHERS.get(name) != strength)


OTHERS: dict[str, dict[str, Any]] = {
    "consensus": {"gamma": 1.0},
    "d2gan": {"alpha": 0.2, "beta": 0.2},
    "ebgan": {"margin": 0.1},
    "gdpp": {"magnitude": 1.0},
    "js-reg": {"gamma": 2.0},
    "lookahead": {"k": 50},
    "madgan": {"n": 8},
    "mgan": {"beta": 1.0},
    "minibatch": {"kernels": 32},
    "mrgan": {"lambda1": 0.02, "lambda2": 0.04},
    "msgan": {"lam": 0.1},
    "pacgan": {"pack": 4},
    "presgan": {"lam": 0.001},
    "veegan": {"recon": 0.1},
    "wgan": {"clip": 0.1},
    "zero-gp": {"lam": 0.1},
}
"""Strengths beside the defaults that are tried on every recipe."""
RATES = ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (0.5, 0.5))
"""Factors on the rates of a recipe that is not in ``SPACES``."""
SPACES = {
    "ring-tuned": Space(
        rates=((2e-3, 2e-3), (4e-3, 2e-3), (4e-3, 4e-3), (1e-3, 1e-3)),
        others=OTHERS
        | {
            "dragan": {"lam": 1.0},
            "instance-noise": {"sigma": 0.1},
            "r1": {"gamma": 0.1},
            "r3gan": {"gamma": 0.02},
            "self-conditioned": {"k": 8},
            "wgan-gp": {"lam": 1.0},
        },
    ),
    "grid-tuned": Space(
        rates=((1e-3, 1e-3), (2e-3, 1e-3), (2e-3, 2e-3), (5e-4, 5e-4)),
        others=OTHERS
        | {
            "dragan": {"lam": 0.1},
            "instance-noise": {"sigma": 1.0},
            "r1": {"gamma": 0.05},
            "r3gan": {"gamma": 0.1, "gamma_end": 0.002, "burn_in": 3000},
            "self-conditioned": {"k": 25},
            "wgan-gp": {"lam": 0.03},
        },
    ),
    "digits-tuned": Space(
        rates=((2e-3, 2e-3), (2e-3, 1e-3), (4e-3, 4e-3), (1e-3, 1e-3)),
        others=OTHERS
        | {
            "dragan": {"lam": 1.0},
            "ebgan": {"margin": 10.0},
            "instance-noise": {"sigma": 0.1},
            "r1": {"gamma": 1.0},
            "r3gan": {"gamma": 0.1, "gamma_end": 0.01},
            "self-conditioned": {"k": 100},
            "wgan-gp": {"lam": 10.0},
        },
    ),
}
"""By name the recipes on which every method was tuned; their parts for methods are what came of it, and tuning begins without them."""
