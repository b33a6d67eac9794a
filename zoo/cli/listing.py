"""What the zoo holds, as plain data, without importing torch: `zoo list` answers at once."""

from __future__ import annotations

import toy_data
from baselines import recipes
from toy_data.registry import own as own_datasets
from zoo import variants
from zoo.extending import plugins
from zoo.metrics.protocols import ABOUT
from zoo.metrics.spec import METRICS


def listing() -> dict[str, list[dict[str, str]]]:
    """Kind to its entries: ``name``, ``about``, of our variants and recipes the ``family``, of a broken or refused plugin the ``error``."""
    told = toy_data.catalogue()
    ours = {
        "variants": [{"name": n, "about": variants.idea(n), "family": variants.family(n)} for n in variants.own()],
        "datasets": [{"name": n, "about": told[n]} for n in own_datasets()],
        "metrics": [{"name": m.name, "about": m.about} for m in METRICS],
    }
    found = {kind: entries + plugins.listed(kind) for kind, entries in ours.items()}
    found["variants"].sort(key=lambda entry: (entry.get("family", "~").lower(), entry["name"]))  # plugins last
    shipped = recipes.files().items()
    named = [{"name": n, "about": recipes.read(path).about, "family": recipes.family(path)} for n, path in shipped]
    protocols = [{"name": protocol.name, "about": about} for protocol, about in ABOUT.items()]
    return found | {"recipes": sorted(named, key=lambda entry: entry["family"]), "protocols": protocols}


def owners(error: Exception) -> str:
    """A sentence on whose an option is that a command does not know; empty where it is nobody's, or something else was wrong."""
    ctx = getattr(error, "ctx", None)
    if not hasattr(error, "possibilities") or ctx is None or "run" not in ctx.command_path.split():
        return ""  # not click's of an unknown option, or of a command that has none of a variant's
    from zoo.variant import options

    option = getattr(error, "option_name", "")
    name = option.lstrip("-").replace("-", "_")
    found = [variant for variant in variants.own() if name in options(variants.load(variant))]
    return f" {option} is an option of {', '.join(found)}." if found else ""
