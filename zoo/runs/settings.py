"""What a recipe file says for a variant, what was changed of it, and how a setting is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baselines import recipes
from zoo import variants
from zoo.recipe import Recipe, fields, revise
from zoo.runs.kits import width_unsaid
from zoo.runs.naming import short, words
from zoo.variant import options as options_of


def of_variant(file: recipes.RecipeFile, variant: str) -> dict[str, Any]:
    """A variant's own options in a recipe file."""
    part = file.variants.get(variant)
    return {k: v for k, v in part.items() if k in options_of(variants.load(variant))} if part else {}


def settled(file: recipes.RecipeFile, variant: str, changes: dict[str, Any]) -> Recipe:
    """What a recipe file says for a variant, and ``changes`` to it. Where they shorten it, it is evaluated twenty times again."""
    own, part = of_variant(file, variant), file.variants.get(variant, {})
    whole = revise(Recipe(), file.recipe | {k: v for k, v in part.items() if k not in own})
    settings = revise(whole, changes)
    if settings.rounds < whole.rounds and "every" not in changes:
        # a long run's interval would leave a shortened one with hardly an evaluation
        return revise(settings, {"every": min(whole.every, max(1, settings.rounds // 20))})
    return settings


def changed(file: recipes.RecipeFile, variant: str, recipe: Recipe) -> dict[str, Any]:
    """The fewest changes to what a recipe file says for a variant that make it ``recipe``: the inverse of ``settled``."""
    whole = settled(file, variant, {})
    found = {k: v for k in fields() if (v := getattr(recipe, k)) != getattr(whole, k) and k != "every"}
    found |= {"width": recipe.width} if width_unsaid(whole, found) else {}
    return found | ({} if settled(file, variant, found).every == recipe.every else {"every": recipe.every})


def label(variant: str, options: Mapping[str, Any], recipe: Mapping[str, Any], recipe_name: str) -> str:
    """A method and its setting in a few words: ``unrolled k=5 lr_d=0.01``, with what differs from the zoo's recipe of that name, or from a
    plain ``Recipe`` where it is none of the zoo's. Equal recipes and equal labels are equal settings."""
    file = recipes.load(recipe_name) if recipe_name in recipes.names() else recipes.RecipeFile(recipe_name, "")
    more = changed(file, variant, revise(Recipe(), dict(recipe)))
    return " ".join([variant, *words(options), *(f"{k}={short(v)}" for k, v in more.items())])
