"""The run file that reproduces the paper."""

from __future__ import annotations

from pathlib import Path

from sparring.core.run_file import load_config
from sparring.recipes import build
from sparring.recipes.absolute_zero import AbsoluteZero
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions

RUN_FILE = Path(__file__).parents[2] / "deploy" / "runs" / "azr_7b.toml"


def test_the_papers_run_file_names_every_option_with_its_default():
    config = load_config(RUN_FILE)
    unnamed = set(AbsoluteZeroOptions.model_fields) - set(config.recipe.options)
    assert unnamed == {"banned_modules", "max_proposals_per_seed", "collapse", "proposer_policy"}
    recipe = build(config.recipe)
    assert isinstance(recipe, AbsoluteZero)
    assert recipe.options == AbsoluteZeroOptions()


def test_the_papers_run_file_samples_and_trains_on_policy_with_room_for_the_longest_text():
    config = load_config(RUN_FILE)
    assert (config.sampling.temperature, config.sampling.top_p, config.replay.max_staleness) == (1.0, 1.0, 0)
    longest = config.sampling.max_prompt_tokens + config.sampling.max_response_tokens
    assert config.learner.row_tokens >= longest == 14240
    assert config.executor.output_chars >= AbsoluteZeroOptions().max_output_chars
