"""What a step minimises, as functions of per-token tensors.

    N   tokens of a micro batch that are trained, in any order
    weights_N carries the aggregation: 1 sums over tokens; 1 / length of the token's sequence sums the sequences' means.
    Every loss is such a weighted sum, not yet divided by the number of tokens or sequences of the whole step.

Which estimator is unbiased (proved by enumeration in tests/learner/test_correction.py): with behaviour policies that
differ from the learner, a sequence's reward must be weighted by the ratio of the *whole* sequence
(``sequence_truncated_is`` without truncation). The per-token ratios of ``truncated_is`` and ``ppo_clip`` are exact for
one-token answers and on tokens of the learner's own version; otherwise they trade a bias that grows with staleness for
a variance that does not grow with length.
"""

from __future__ import annotations

import torch
from torch import Tensor

# exp(20) is far past every clip range; without the bound an overflow to inf turns a clipped token's gradient into NaN.
MAX_LOG_RATIO = 20.0


def ppo_clip(
    learner_logprobs_N: Tensor,
    behaviour_logprobs_N: Tensor,
    advantages_N: Tensor,
    weights_N: Tensor,
    *,
    clip_low: float,
    clip_high: float,
) -> Tensor:
    """PPO's clipped surrogate with the ratio to the behaviour policy, summed with weights.

    L = -sum_t w_t min(ratio_t A_t, clip(ratio_t, 1 - clip_low, 1 + clip_high) A_t)

    Source:   PPO, arXiv:1707.06347, equation 7; asymmetric range: DAPO, arXiv:2503.14476
    """
    ratios_N = token_ratios(learner_logprobs_N, behaviour_logprobs_N)
    clipped_N = ratios_N.clamp(1 - clip_low, 1 + clip_high)
    return -(weights_N * torch.minimum(ratios_N * advantages_N, clipped_N * advantages_N)).sum()


def truncated_is(
    learner_logprobs_N: Tensor,
    behaviour_logprobs_N: Tensor,
    advantages_N: Tensor,
    weights_N: Tensor,
    *,
    max_ratio: float,
) -> Tensor:
    """Policy gradient with truncated per-token importance weights, summed with weights.

    L = -sum_t w_t min(ratio_t, max_ratio) A_t log pi(a_t),   no gradient through the ratio

    Source:   IMPALA (V-trace's actor-critic), arXiv:1802.01561, section 4.2
    """
    ratios_N = token_ratios(learner_logprobs_N, behaviour_logprobs_N).detach()
    return -(weights_N * ratios_N.clamp(max=max_ratio) * advantages_N * learner_logprobs_N).sum()


def sequence_truncated_is(
    learner_logprobs_N: Tensor,
    behaviour_logprobs_N: Tensor,
    advantages_N: Tensor,
    weights_N: Tensor,
    *,
    sequences_N: Tensor,
    max_ratio: float,
) -> Tensor:
    """``truncated_is`` with the ratio of the whole sequence at each of its tokens: unbiased for ``max_ratio`` = inf.

    Args:     sequences_N: int64, which sequence a token belongs to, counted from 0.
    """
    differences_N = (learner_logprobs_N - behaviour_logprobs_N).detach()
    num_sequences = int(sequences_N.max()) + 1 if len(sequences_N) else 0
    sums_S = differences_N.new_zeros(num_sequences).index_add(0, sequences_N, differences_N)
    ratios_N = sums_S.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()[sequences_N]
    return -(weights_N * ratios_N.clamp(max=max_ratio) * advantages_N * learner_logprobs_N).sum()


def nll(learner_logprobs_N: Tensor, example_weights_N: Tensor, weights_N: Tensor) -> Tensor:
    """Negative log likelihood, each token times its example weight, summed with weights.

    L = -sum_t w_t e_t log pi(a_t);  e are the weights that a recipe put into ``advantages``, of mean 1 over the update
    (``columns.relative``), so that L is the weighted mean sum(e CE) / sum(e) where w are equal.
    """
    return -(weights_N * example_weights_N * learner_logprobs_N).sum()


def entropy_bonus(entropies_N: Tensor, weights_N: Tensor, *, coefficient: float) -> Tensor:
    """The term that rewards entropy: -coefficient * sum_t w_t H_t."""
    return -coefficient * (weights_N * entropies_N).sum()


def token_ratios(learner_logprobs_N: Tensor, behaviour_logprobs_N: Tensor) -> Tensor:
    """pi(a_t) / mu(a_t) of each token, with gradient."""
    return (learner_logprobs_N - behaviour_logprobs_N).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()


def clipped_tokens(ratios_N: Tensor, advantages_N: Tensor, *, clip_low: float, clip_high: float) -> Tensor:
    """Which tokens PPO's clipping silences: pushed further in the direction that they already moved."""
    above_N = (ratios_N > 1 + clip_high) & (advantages_N > 0)
    below_N = (ratios_N < 1 - clip_low) & (advantages_N < 0)
    return above_N | below_N
