"""Every recipe by the name a run file uses."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from sparring.core.config import RecipeConfig
from sparring.core.errors import UsageError
from sparring.core.recipe import Recipe
from sparring.core.run_file import validate
from sparring.recipes.absolute_zero import AbsoluteZero
from sparring.recipes.procedural import Procedural
from sparring.recipes.stp import STP

RECIPES: dict[str, type[Recipe]] = {
    "absolute_zero": AbsoluteZero,
    "procedural": Procedural,
    "stp": STP,
}


def build(config: RecipeConfig) -> Recipe:
    """The recipe that ``[recipe]`` names, with its options.

    Raises:   UsageError: no such recipe, or an option that it does not have or that is out of range.
    """
    if config.name not in RECIPES:
        nearest = difflib.get_close_matches(config.name, RECIPES, n=1, cutoff=0.0)[0]
        raise UsageError(f"recipe.name = {config.name!r}: no such recipe; the nearest is {nearest!r}")
    recipe: Callable[..., Recipe] = RECIPES[config.name]
    return recipe(validate(RECIPES[config.name].Options, config.options, where="[recipe.options]"))
