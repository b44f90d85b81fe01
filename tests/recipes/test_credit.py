"""The mathematics of credit, against slow twins written from the formulas."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.core.types import Episode, FinishReason, Rollout, ScoredRollout, Task, VersionSpan
from sparring.recipes.credit import STD_FLOOR, trained, trajectory, whiten_by, whitened

REWARDS = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.125, 0.875, 1.0]), min_size=1, max_size=12)


def episode(*rollouts: ScoredRollout) -> Episode:
    return Episode(episode_id="e", task=Task(task_id="e", kind="k", payload={}), rollouts=rollouts)


def scored(reward: float, *, num_tokens: int = 2, trained: bool = True) -> ScoredRollout:
    rollout = Rollout(
        rollout_id=f"r{reward}",
        role="solver",
        task_id="e",
        policy="base",
        prompt_ids=(1, 2, 3),
        completion_ids=(5,) * num_tokens,
        behaviour_logprobs=(-0.5,) * num_tokens,
        version_spans=(VersionSpan(number=4, num_tokens=num_tokens),),
        text="",
        finish_reason=FinishReason.STOP,
    )
    return ScoredRollout(rollout=rollout, kind="k", reward=reward, trained=trained)


def slowly_whitened_tokens(rewards: list[float], lengths: list[int]) -> list[float]:
    """Every token of every completion in one list, whitened; then the value of each completion's tokens."""
    tokens = [reward for reward, length in zip(rewards, lengths, strict=True) for _ in range(length)]
    if not tokens:
        return [0.0] * len(rewards)
    mean = sum(tokens) / len(tokens)
    std = sqrt(sum((token - mean) ** 2 for token in tokens) / len(tokens))
    return [(reward - mean) / max(std, STD_FLOOR) for reward in rewards]


def test_whitening_divides_by_the_population_deviation():
    # mean 0.25; squared distances 0.5625 three times 0.0625 -> variance 0.1875, std 0.4330127
    assert whitened([1.0, 0.0, 0.0, 0.0]) == pytest.approx([sqrt(3), -1 / sqrt(3), -1 / sqrt(3), -1 / sqrt(3)])


def test_long_completions_count_for_each_of_their_tokens():
    # 3 tokens of 1 and 1 token of -1: mean 0.5, variance (3 * 0.25 + 2.25) / 4 = 0.75
    assert whitened([1.0, -1.0], weights=[3, 1]) == pytest.approx([0.5 / sqrt(0.75), -1.5 / sqrt(0.75)])


@given(REWARDS)
def test_whitening_by_sequence_is_the_formula(rewards):
    assert whitened(rewards) == pytest.approx(slowly_whitened_tokens(rewards, [1] * len(rewards)), abs=1e-9)


@given(st.lists(st.tuples(st.sampled_from([-1.0, -0.5, 0.125, 1.0]), st.integers(1, 9)), min_size=1, max_size=10))
def test_whitening_by_token_is_the_formula_over_all_tokens(pairs):
    rewards, lengths = [reward for reward, _ in pairs], [length for _, length in pairs]
    assert whitened(rewards, weights=lengths) == pytest.approx(slowly_whitened_tokens(rewards, lengths), abs=1e-9)


@given(st.floats(-2, 2), st.integers(1, 7))
def test_equal_rewards_give_advantages_of_exactly_zero(reward, count):
    assert whitened([reward] * count) == [0.0] * count


def test_rounding_between_rewards_is_not_blown_up_to_an_advantage():
    assert max(map(abs, whitened([0.1, 0.1 + 1e-15]))) < 1e-8


def test_completions_without_tokens_have_no_advantage():
    assert whitened([1.0, 0.0], weights=[0, 0]) == [0.0, 0.0]


def test_each_baseline_is_whitened_by_itself_and_order_is_kept():
    entries = trained([episode(scored(1.0), scored(4.0)), episode(scored(0.0), scored(2.0))])
    # {1, 0} and {4, 2}: each pair whitens to +1, -1
    assert whiten_by(entries, lambda _, one: one.reward > 1.5, by_token=False) == [1.0, 1.0, -1.0, -1.0]


def test_whitening_by_token_takes_lengths_from_the_completions():
    entries = trained([episode(scored(1.0, num_tokens=3), scored(-1.0, num_tokens=1))])
    assert whiten_by(entries, lambda *_: 0, by_token=True) == pytest.approx(whitened([1.0, -1.0], weights=[3, 1]))


def test_rollouts_that_only_estimate_are_not_trained_on():
    kept = scored(1.0)
    assert [one for _, one in trained([episode(scored(0.0, trained=False), kept)])] == [kept]


def test_a_trajectory_masks_the_prompt_and_carries_a_version_for_each_token():
    rollout = Rollout(
        rollout_id="r",
        role="solver",
        task_id="e",
        policy="base",
        prompt_ids=(1, 2),
        completion_ids=(3, 4, 5),
        behaviour_logprobs=(-0.1, -0.2, -0.3),
        version_spans=(VersionSpan(number=6, num_tokens=1), VersionSpan(number=7, num_tokens=2)),
        text="",
        finish_reason=FinishReason.LENGTH,
    )
    one = trajectory(episode(), ScoredRollout(rollout=rollout, kind="k", reward=-0.5), advantage=2.0)
    assert one.token_ids == (1, 2, 3, 4, 5)
    assert one.loss_mask == (False, False, True, True, True)
    assert one.behaviour_logprobs == (0.0, 0.0, -0.1, -0.2, -0.3)
    assert one.advantages == (0.0, 0.0, 2.0, 2.0, 2.0)
    assert one.versions == (-1, -1, 6, 7, 7)
    assert (one.trajectory_id, one.role, one.kind, one.policy, one.reward) == ("r", "solver", "k", "base", -0.5)
