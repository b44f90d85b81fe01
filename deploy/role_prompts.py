"""The prompt templates of a run's roles, as values that the endpoint's process can be given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sparring.core.config import RecipeConfig
from sparring.core.recipe import Recipe
from sparring.recipes import build


@dataclass(frozen=True, slots=True)
class RolePrompt:
    """What a client writes to a role, made into the prompt that the recipe would give it."""

    recipe: str  # JSON of RecipeConfig: small, and the same in every process
    role: str

    def __call__(self, text: str) -> str:
        """Raises:   UsageError: the text describes no task."""
        return _built(self.recipe).prompt(self.role, text)


def role_prompts(recipe: RecipeConfig) -> dict[str, RolePrompt]:
    """One for each role of a recipe that has templates."""
    described = recipe.model_dump_json()
    if type(_built(described)).prompt is Recipe.prompt:
        return {}
    return {role.name: RolePrompt(described, role.name) for role in _built(described).roles}


@cache
def _built(recipe: str) -> Recipe:
    return build(RecipeConfig.model_validate_json(recipe))
