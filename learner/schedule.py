"""The learning rate of each step."""

from __future__ import annotations

from sparring.core.config import LearnerConfig


def learning_rate(config: LearnerConfig, *, step: int) -> float:
    """Linear from 0 over ``warmup_steps``, then constant; a function of the step alone, so a resume needs no state."""
    if config.warmup_steps == 0:
        return config.learning_rate
    return config.learning_rate * min(1.0, step / config.warmup_steps)
