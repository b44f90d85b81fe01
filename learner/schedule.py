"""The learning rate of each step."""

from __future__ import annotations

from sparring.core.config import LearnerConfig

LEAST = 0.1  # of the learning rate, from the end of its decay on


def learning_rate(config: LearnerConfig, *, step: int) -> float:
    """Linear from 0 over ``warmup_steps``; constant; linear to a tenth over ``decay_steps`` after step ``decay_after``.

    A function of the step alone, so a resume needs no state.
    """
    scale = min(1.0, step / config.warmup_steps) if config.warmup_steps else 1.0
    if config.decay_steps and step > config.decay_after:
        scale *= max(LEAST, 1 - (1 - LEAST) * (step - config.decay_after) / config.decay_steps)
    return config.learning_rate * scale
