"""What halts a step, and what its message says."""

from __future__ import annotations

import math

import pytest

from sparring.core.config import LearnerConfig
from sparring.core.errors import TrainingHalted, UsageError
from sparring.learner.distributed import deepspeed_config
from sparring.learner.guards import check_grad_norm, check_step
from sparring.learner.schedule import learning_rate


def test_a_healthy_step_passes() -> None:
    check_step({"loss": 0.1, "parity/abs_mean": 0.05}, step=1, max_parity_gap=0.05)
    check_grad_norm(0.0, step=1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_halts_with_its_name_and_the_trajectories(value: float) -> None:
    with pytest.raises(TrainingHalted, match=r"step 3: loss is .*from 2 trajectories \(a, b\).*not applied"):
        check_step({"loss": value}, step=3, max_parity_gap=1.0, offenders=["a", "b"])


def test_many_offenders_are_not_all_listed() -> None:
    with pytest.raises(TrainingHalted, match=r"from 9 trajectories \(t0, t1, t2, t3, t4, \.\.\.\)"):
        check_step({"loss": math.nan}, step=3, max_parity_gap=1.0, offenders=[f"t{n}" for n in range(9)])


@pytest.mark.parametrize("norm", [math.nan, math.inf, -1.0])
def test_a_gradient_norm_that_is_no_norm_halts(norm: float) -> None:
    # DeepSpeed reports -1 where a group's norm was not finite.
    with pytest.raises(TrainingHalted, match="step 3: grad_norm is"):
        check_grad_norm(norm, step=3)


def test_sampler_and_learner_that_disagree_halt() -> None:
    with pytest.raises(TrainingHalted, match=r"parity/abs_mean is 0.051 nats .* at most 0.05 expected"):
        check_step({"parity/abs_mean": 0.051}, step=1, max_parity_gap=0.05)


def test_warmup_is_linear_and_then_constant() -> None:
    config = LearnerConfig(learning_rate=1.0, warmup_steps=4)

    assert [learning_rate(config, step=step) for step in (1, 2, 4, 9)] == [0.25, 0.5, 1.0, 1.0]
    assert learning_rate(LearnerConfig(learning_rate=1.0), step=1) == 1.0


def test_decay_is_linear_to_a_tenth_and_then_constant() -> None:
    config = LearnerConfig(learning_rate=1.0, decay_after=10, decay_steps=9)

    rates = [learning_rate(config, step=step) for step in (1, 10, 11, 15, 19, 50)]
    assert rates == pytest.approx([1.0, 1.0, 0.9, 0.5, 0.1, 0.1])


def test_offload_without_partitions_is_refused() -> None:
    with pytest.raises(UsageError, match=r"offload_optimizer needs learner.zero_stage 1, 2 or 3"):
        deepspeed_config(LearnerConfig(zero_stage=0, offload_optimizer=True))
