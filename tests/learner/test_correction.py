"""Is the off-policy correction right? A problem small enough to know the answer by enumeration.

Two tokens over three symbols from a softmax policy (three logits for the first token, three for the second after each
first one) and a table of rewards. Policies 0..4 are steps of exact gradient ascent; policy 4 learns from what policy
4 - staleness sampled. Expectations are sums over all nine sequences, weighted by the probability that the behaviour
policy samples them: no sampling noise, so "unbiased" is an equality.

What holds, and is tested:
- whole-sequence ratios, not truncated: the exact policy gradient at every staleness;
- per-token ratios: exact at staleness 0 and for one-token answers, biased otherwise, by exactly the enumerated amount;
- truncation: biased once a ratio is past the bound.
"""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from sparring.learner.losses import ppo_clip, sequence_truncated_is, truncated_is

SYMBOLS = range(3)
REWARDS = [[1.0, 0.0, 0.5], [0.0, 2.0, 0.0], [0.3, 0.0, 1.5]]
STALENESS = range(5)
LEARNING_RATE = 2.0
Logits = list[list[float]]  # row 0: first token; row 1 + a: second token after first token a


def softmax(logits: list[float]) -> list[float]:
    exponentials = [math.exp(logit) for logit in logits]
    return [value / sum(exponentials) for value in exponentials]


def exact_gradient(logits: Logits) -> Logits:
    """sum_y pi(y) R(y) grad log pi(y), in plain floats: d log softmax(a) / d logit_j = [a = j] - p_j."""
    return estimator_mean(logits, logits, ratio=lambda first, second: (1.0, 1.0))


def estimator_mean(learner: Logits, behaviour: Logits, *, ratio) -> Logits:  # type: ignore[no-untyped-def]
    """sum_y mu(y) R(y) sum_t ratio_t(y) grad log pi(y_t), in plain floats."""
    gradient = [[0.0] * 3 for _ in range(4)]
    for first, second in product(SYMBOLS, SYMBOLS):
        probability = softmax(behaviour[0])[first] * softmax(behaviour[1 + first])[second]
        for row, symbol, weight in zip((0, 1 + first), (first, second), ratio(first, second), strict=True):
            for j in SYMBOLS:
                derivative = (symbol == j) - softmax(learner[row])[j]
                gradient[row][j] += probability * REWARDS[first][second] * weight * derivative
    return gradient


def policies() -> list[Logits]:
    """Five policies, each one step of exact gradient ascent after the one before."""
    made: list[Logits] = [[[0.0] * 3 for _ in range(4)]]
    for _ in range(4):
        gradient = exact_gradient(made[-1])
        made.append(
            [
                [x + LEARNING_RATE * g for x, g in zip(*rows, strict=True)]
                for rows in zip(made[-1], gradient, strict=True)
            ]
        )
    return made


def expectation(loss: str, learner: Logits, behaviour: Logits, *, max_ratio: float = math.inf) -> Tensor:
    """Minus the gradient of our loss over all nine sequences, each weighted by its behaviour probability."""
    logits = torch.tensor(learner, dtype=torch.float64, requires_grad=True)
    sampled = torch.tensor(behaviour, dtype=torch.float64)
    pairs = list(product(SYMBOLS, SYMBOLS))
    rows = torch.tensor([[0, 1 + first] for first, _ in pairs]).flatten()
    symbols = torch.tensor(pairs).flatten()
    learner_logprobs = logits.log_softmax(-1)[rows, symbols]
    behaviour_logprobs = sampled.log_softmax(-1)[rows, symbols]
    sequences = torch.arange(len(pairs)).repeat_interleave(2)
    probabilities = behaviour_logprobs.view(-1, 2).sum(1).exp().repeat_interleave(2)
    advantages = torch.tensor(REWARDS, dtype=torch.float64).flatten().repeat_interleave(2)
    arguments = (learner_logprobs, behaviour_logprobs, advantages, probabilities)
    match loss:
        case "sequence":
            value = sequence_truncated_is(*arguments, sequences_N=sequences, max_ratio=max_ratio)
        case "token":
            value = truncated_is(*arguments, max_ratio=max_ratio)
        case _:
            value = ppo_clip(*arguments, clip_low=0.2, clip_high=0.2)
    value.backward()
    assert logits.grad is not None
    return -logits.grad


def distance(gradient: Tensor, other: Logits) -> float:
    return float((gradient - torch.tensor(other, dtype=torch.float64)).norm())


@pytest.mark.parametrize("staleness", STALENESS)
def test_whole_sequence_ratios_give_the_exact_policy_gradient(staleness: int) -> None:
    learner, behaviour = policies()[4], policies()[4 - staleness]

    assert distance(expectation("sequence", learner, behaviour), exact_gradient(learner)) < 1e-12


@pytest.mark.parametrize("staleness", STALENESS)
def test_per_token_ratios_give_what_enumeration_says_they_give(staleness: int) -> None:
    learner, behaviour = policies()[4], policies()[4 - staleness]

    def ratio(first: int, second: int) -> tuple[float, float]:
        rows = ((0, first), (1 + first, second))
        return tuple(softmax(learner[row])[symbol] / softmax(behaviour[row])[symbol] for row, symbol in rows)  # type: ignore[return-value]

    assert distance(expectation("token", learner, behaviour), estimator_mean(learner, behaviour, ratio=ratio)) < 1e-12


def test_the_bias_of_per_token_ratios_is_nothing_on_policy_and_grows_with_staleness() -> None:
    made = policies()
    exact = exact_gradient(made[4])

    biases = [distance(expectation("token", made[4], made[4 - staleness]), exact) for staleness in STALENESS]

    assert biases[0] < 1e-12
    assert biases == sorted(biases)
    # Far from nothing, and still better than no correction at all.
    uncorrected = [
        distance(
            torch.tensor(estimator_mean(made[4], made[4 - s], ratio=lambda first, second: (1.0, 1.0))).double(), exact
        )
        for s in STALENESS
    ]
    assert 0.01 < biases[1] < uncorrected[1]
    assert biases[4] < uncorrected[4]


def test_per_token_ratios_are_exact_where_an_answer_is_one_token() -> None:
    made = policies()
    learner = torch.tensor(made[4][0], dtype=torch.float64, requires_grad=True)
    behaviour = torch.tensor(made[0][0], dtype=torch.float64)
    rewards = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)

    logprobs = behaviour.log_softmax(-1)
    truncated_is(learner.log_softmax(-1), logprobs, rewards, logprobs.exp(), max_ratio=math.inf).backward()

    p = softmax(made[4][0])
    mean = sum(p[a] * rewards[a].item() for a in SYMBOLS)
    # d/dlogit_j of sum_a p_a R_a = p_j (R_j - mean)
    assert learner.grad is not None
    assert (-learner.grad).tolist() == pytest.approx([p[j] * (rewards[j].item() - mean) for j in SYMBOLS], abs=1e-12)


def test_on_policy_ppo_is_the_exact_policy_gradient() -> None:
    learner = policies()[4]

    assert distance(expectation("ppo", learner, learner), exact_gradient(learner)) < 1e-12


def test_truncation_buys_its_bounded_variance_with_bias() -> None:
    learner, behaviour = policies()[4], policies()[0]

    assert distance(expectation("sequence", learner, behaviour, max_ratio=2.0), exact_gradient(learner)) > 0.01
