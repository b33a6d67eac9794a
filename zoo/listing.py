"""What the zoo holds, as plain data, without importing torch: `zoo list` answers at once."""

from __future__ import annotations

import toy_data
from baselines import recipes
from zoo import variants
from zoo.metrics.spec import METRICS


def listing() -> dict[str, list[dict[str, str]]]:
    """Kind to its entries, each with ``name`` and ``about``."""
    return {
        "variants": [{"name": n, "about": variants.idea(n)} for n in variants.names()],
        "datasets": [{"name": n, "about": a} for n, a in toy_data.catalogue().items()],
        "metrics": [{"name": m.name, "about": m.about} for m in METRICS],
        "recipes": [{"name": n, "about": recipes.load(n).about} for n in recipes.names()],
    }
