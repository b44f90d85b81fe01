"""Each loss against a slow twin written from its formula, and its gradient against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

import pytest
import torch
from torch import Tensor

from sparring.learner.losses import (
    clipped_tokens,
    entropy_bonus,
    nll,
    ppo_clip,
    sequence_truncated_is,
    token_ratios,
    truncated_is,
)

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
SEQUENCES = [0, 0, 0, 1, 1, 2, 2, 2]


def tokens(seed: int) -> tuple[list[float], list[float], list[float], list[float]]:
    """Learner and behaviour logprobs, advantages and weights of as many tokens as SEQUENCES has."""
    rng = Random(seed)
    behaviour = [math.log(rng.uniform(0.05, 0.9)) for _ in SEQUENCES]
    learner = [logprob + rng.gauss(0, 0.5) for logprob in behaviour]
    return learner, behaviour, [rng.gauss(0, 1) for _ in SEQUENCES], [rng.uniform(0, 1) for _ in SEQUENCES]


def tensors(columns: Sequence[list[float]]) -> list[Tensor]:
    return [torch.tensor(column, dtype=torch.float64) for column in columns]


def slow_ppo_clip(learner, behaviour, advantages, weights, *, clip_low, clip_high):  # type: ignore[no-untyped-def]
    total = 0.0
    for new, old, advantage, weight in zip(learner, behaviour, advantages, weights, strict=True):
        ratio = math.exp(new - old)
        clipped = min(max(ratio, 1 - clip_low), 1 + clip_high)
        total -= weight * min(ratio * advantage, clipped * advantage)
    return total


def slow_truncated_is(learner, behaviour, advantages, weights, *, max_ratio):  # type: ignore[no-untyped-def]
    total = 0.0
    for new, old, advantage, weight in zip(learner, behaviour, advantages, weights, strict=True):
        total -= weight * min(math.exp(new - old), max_ratio) * advantage * new
    return total


def slow_sequence_is(learner, behaviour, advantages, weights, *, max_ratio):  # type: ignore[no-untyped-def]
    total = 0.0
    for index, sequence in enumerate(SEQUENCES):
        same = [k for k, other in enumerate(SEQUENCES) if other == sequence]
        ratio = math.exp(sum(learner[k] for k in same) - sum(behaviour[k] for k in same))
        total -= weights[index] * min(ratio, max_ratio) * advantages[index] * learner[index]
    return total


@pytest.mark.parametrize("seed", range(5))
def test_ppo_clip_equals_its_formula(seed: int) -> None:
    columns = tokens(seed)

    loss = ppo_clip(*tensors(columns), clip_low=0.2, clip_high=0.28)

    assert loss.item() == pytest.approx(slow_ppo_clip(*columns, clip_low=0.2, clip_high=0.28), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_ratio", [1.0, 1.3, math.inf])
def test_truncated_importance_weights_equal_their_formula(seed: int, max_ratio: float) -> None:
    columns = tokens(seed)
    sequences = torch.tensor(SEQUENCES)

    by_token = truncated_is(*tensors(columns), max_ratio=max_ratio)
    by_sequence = sequence_truncated_is(*tensors(columns), sequences_N=sequences, max_ratio=max_ratio)

    assert by_token.item() == pytest.approx(slow_truncated_is(*columns, max_ratio=max_ratio), abs=1e-12)
    assert by_sequence.item() == pytest.approx(slow_sequence_is(*columns, max_ratio=max_ratio), abs=1e-12)


def test_negative_log_likelihood_weighs_each_token_by_its_example_weight() -> None:
    # -(1 * 2 * -0.5 + 0.5 * 1 * -2) = 1 + 1
    logprobs, examples, weights = tensors([[-0.5, -2.0], [2.0, 1.0], [1.0, 0.5]])

    assert nll(logprobs, examples, weights).item() == pytest.approx(2.0)


def test_the_entropy_bonus_lowers_the_loss() -> None:
    entropies, weights = tensors([[1.0, 3.0], [0.5, 0.5]])

    assert entropy_bonus(entropies, weights, coefficient=0.1).item() == pytest.approx(-0.2)


@pytest.mark.parametrize("seed", range(3))
def test_ppo_clip_has_the_gradient_of_its_formula(seed: int) -> None:
    learner, *others = tensors(tokens(seed))

    def loss(logprobs: Tensor) -> Tensor:
        return ppo_clip(logprobs, *others, clip_low=0.2, clip_high=0.2)

    assert torch.autograd.gradcheck(loss, (learner.requires_grad_(),))


def test_no_gradient_flows_through_a_truncated_ratio() -> None:
    # d/dx of -w min(r, 2) A x with the ratio held: -w min(r, 2) A.
    learner, behaviour, advantages, weights = tensors(tokens(1))
    learner.requires_grad_()

    truncated_is(learner, behaviour, advantages, weights, max_ratio=2.0).backward()

    expected = -weights * (learner - behaviour).exp().clamp(max=2.0).detach() * advantages
    torch.testing.assert_close(learner.grad, expected)


def test_a_token_past_the_clip_range_has_no_gradient_and_counts_as_clipped() -> None:
    # Ratios e, 1/e and 1 with advantages that push further out, further out, and anywhere.
    learner = torch.tensor([1.0, -1.0, 0.0, 1.0], requires_grad=True)
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])

    ppo_clip(learner, torch.zeros(4), advantages, torch.ones(4), clip_low=0.2, clip_high=0.2).backward()

    clipped = clipped_tokens(token_ratios(learner, torch.zeros(4)), advantages, clip_low=0.2, clip_high=0.2)
    assert clipped.tolist() == [True, True, False, False]
    assert (learner.grad == 0).tolist() == [True, True, False, False]


def test_a_ratio_that_would_overflow_leaves_the_gradient_finite() -> None:
    learner = torch.tensor([0.0, 0.0], requires_grad=True)

    ppo_clip(learner, torch.full((2,), -500.0), torch.ones(2), torch.ones(2), clip_low=0.2, clip_high=0.2).backward()

    assert learner.grad is not None
    assert learner.grad.isfinite().all()
