"""The weighted next-token loss, from trajectories to one number, against a slow twin written from the paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch

from sparring.core.types import Objective, Trajectory
from sparring.learner.columns import flatten
from sparring.learner.losses import nll

Build = Callable[..., Trajectory]


def weighted(build: Build, name: str, weight: float, *, response: int) -> Trajectory:
    shown = build(name, response=response, version=-1, objective=Objective.NLL)
    return replace(shown, advantages=tuple(weight * trained for trained in shown.loss_mask))


def slow_loss(examples: Sequence[tuple[float, Sequence[float]]]) -> float:
    """Cross-entropy over the target tokens, each token times its example's weight, over the mean weight.

    (1/N) sum_t w_t CE_t / ((1/N) sum_t w_t)
    """
    tokens = [(weight, -logprob) for weight, logprobs in examples for logprob in logprobs]
    mean_weight = sum(weight for weight, _ in tokens) / len(tokens)
    return sum(weight * entropy for weight, entropy in tokens) / len(tokens) / mean_weight


def fast_loss(trajectories: Sequence[Trajectory], logprobs: Sequence[float]) -> float:
    columns = flatten(trajectories, version=0, max_staleness=0, aggregation="token")
    mask = columns.loss_mask
    given = (logprobs, columns.advantages[mask], columns.weights[mask])
    return float(nll(*(torch.tensor(np.asarray(each), dtype=torch.float64) for each in given)))


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_the_weighted_mean_of_the_paper(seed: int, trajectory: Build) -> None:
    rng = Random(seed)
    lengths = [rng.randint(1, 6) for _ in range(4)]
    weights = [rng.uniform(0.01, 3) for _ in lengths]
    logprobs = [[-rng.expovariate(1) for _ in range(length)] for length in lengths]
    shown = [weighted(trajectory, str(n), w, response=k) for n, (w, k) in enumerate(zip(weights, lengths, strict=True))]

    found = fast_loss(shown, [each for row in logprobs for each in row])

    assert found == pytest.approx(slow_loss(list(zip(weights, logprobs, strict=True))), rel=1e-6)


def test_only_the_ratios_of_weights_count(trajectory: Build) -> None:
    small = [weighted(trajectory, str(n), 0.001 * (n + 1), response=3) for n in range(3)]
    large = [weighted(trajectory, str(n), 50.0 * (n + 1), response=3) for n in range(3)]
    logprobs = [-0.1 * n for n in range(9)]
    assert fast_loss(small, logprobs) == pytest.approx(fast_loss(large, logprobs), rel=1e-6)


def test_weights_that_are_all_zero_stay_zero(trajectory: Build) -> None:
    assert fast_loss([weighted(trajectory, "a", 0.0, response=3)], [-1.0] * 3) == 0.0


def test_advantages_of_sampled_tokens_are_left_alone(trajectory: Build) -> None:
    shown, sampled = weighted(trajectory, "a", 9.0, response=3), trajectory("b", response=3)
    columns = flatten([shown, sampled], version=0, max_staleness=0, aggregation="token")
    trained = columns.loss_mask
    assert columns.advantages[trained & columns.is_nll] == pytest.approx([1.0] * 3)
    assert columns.advantages[trained & ~columns.is_nll] == pytest.approx(sampled.advantages[3:], rel=1e-6)
