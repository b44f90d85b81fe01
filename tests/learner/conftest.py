"""Builders that several test files share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from sparring.core.types import Objective, Trajectory

VOCABULARY = 64


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A directory with a random Qwen2 of two layers, tied or not."""
    made: dict[bool, Path] = {}

    def make(*, tied: bool = True) -> Path:
        if tied not in made:
            torch.manual_seed(0)
            config = Qwen2Config(
                vocab_size=VOCABULARY,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=1,
                max_position_embeddings=256,
                tie_word_embeddings=tied,
                initializer_range=0.2,
            )
            made[tied] = tmp_path_factory.mktemp("model")
            Qwen2ForCausalLM(config).save_pretrained(made[tied])
        return made[tied]

    return make


@pytest.fixture
def trajectory() -> Callable[..., Trajectory]:
    """Builds one trajectory: a prompt of ``prompt`` tokens and ``response`` loss tokens."""

    def build(
        name: str = "t",
        *,
        prompt: int = 3,
        response: int = 4,
        version: int = 0,
        objective: Objective = Objective.POLICY_GRADIENT,
        behaviour: float = -4.0,
        seed: int = 0,
    ) -> Trajectory:
        rng = Random(f"{name}/{seed}")
        loss_mask = (False,) * prompt + (True,) * response
        return Trajectory(
            trajectory_id=name,
            episode_id="episode",
            role="solver",
            kind="deduction",
            policy="base",
            objective=objective,
            token_ids=tuple(rng.randrange(VOCABULARY) for _ in loss_mask),
            loss_mask=loss_mask,
            behaviour_logprobs=tuple(behaviour if trained else 0.0 for trained in loss_mask),
            advantages=tuple(rng.gauss(0, 1) if trained else 0.0 for trained in loss_mask),
            versions=tuple(version if trained else -1 for trained in loss_mask),
            reward=0.0,
        )

    return build
