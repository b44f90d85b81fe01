"""What stops the learner before a bad version exists. Pure; every rank sees the same numbers and decides the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sparring.core.errors import TrainingHalted

SHOWN_IDS = 5


def check_step(values: Mapping[str, float], *, step: int, max_parity_gap: float, offenders: Sequence[str] = ()) -> None:
    """Refuse a step whose forward passes went wrong.

    Args:     offenders: ids of trajectories with a loss or logprob that is not finite.
    Raises:   TrainingHalted: a value that is not finite, or the sampler and the learner disagree on own-version tokens.
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise TrainingHalted(_not_finite(name, value, step=step, offenders=offenders))
    gap = values.get("parity/abs_mean", 0.0)
    if gap > max_parity_gap:
        raise TrainingHalted(
            f"step {step}: parity/abs_mean is {gap:.4g} nats on tokens that this very version sampled, at most "
            f"{max_parity_gap:g} expected: sampler and learner run different models. Compare their weights, dtype and "
            "tokenizer (sparring bench parity); learner.max_parity_gap sets the bound. Nothing was published."
        )


def check_grad_norm(norm: float, *, step: int) -> None:
    """Refuse gradients that are not finite.

    Raises:   TrainingHalted: with the step; the weights are those before it.
    """
    if not math.isfinite(norm) or norm < 0:
        raise TrainingHalted(_not_finite("grad_norm", norm, step=step, offenders=()))


def _not_finite(name: str, value: float, *, step: int, offenders: Sequence[str]) -> str:
    shown = ", ".join(offenders[:SHOWN_IDS])
    where = (
        f" from {len(offenders)} trajectories ({shown}{', ...' if len(offenders) > SHOWN_IDS else ''})" if shown else ""
    )
    return (
        f"step {step}: {name} is {value}{where}; expected a finite number. The step was not applied and nothing was "
        "published: its cohorts are still unacknowledged in the replay stream, the last checkpoint is whole. "
        "Lower learner.learning_rate or look at those trajectories, then resume"
    )
