"""Credit assignment: pure functions from rewards to advantages, and from rollouts to trajectories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from math import fsum, sqrt
from random import Random

from sparring.core.types import Episode, Objective, ScoredRollout, Trajectory

# Rewards closer together than this are as good as equal; dividing by less would turn rounding into advantage.
STD_FLOOR = 1e-6

Entry = tuple[Episode, ScoredRollout]


def trained(cohort: Sequence[Episode]) -> list[Entry]:
    """Every rollout of the cohort that is trained on, beside its episode, in order."""
    return [(episode, scored) for episode in cohort for scored in episode.rollouts if scored.trained]


def whitened(rewards: Sequence[float], *, weights: Sequence[float] | None = None) -> list[float]:
    """Rewards centred and scaled by their weighted population moments.

    mean = sum w_i r_i / sum w_i,   std = sqrt(sum w_i (r_i - mean)^2 / sum w_i)
    A_i = (r_i - mean) / max(std, STD_FLOOR); exactly 0 where all rewards are equal

    Args:     weights: one non-negative number per reward; all 1 if not given.
    Source:   TRR++, arXiv:2505.03335 eq. 8; with token counts for weights, the masked whitening of REINFORCE++
              over response tokens (arXiv:2501.03262).
    """
    shares = [1.0] * len(rewards) if weights is None else list(weights)
    total = fsum(shares)
    if total <= 0.0 or min(rewards) == max(rewards):
        return [0.0] * len(rewards)
    mean = fsum(share * reward for share, reward in zip(shares, rewards, strict=True)) / total
    variance = fsum(share * (reward - mean) ** 2 for share, reward in zip(shares, rewards, strict=True)) / total
    scale = max(sqrt(variance), STD_FLOOR)
    return [(reward - mean) / scale for reward in rewards]


def whiten_by(
    entries: Sequence[Entry], baseline: Callable[[Episode, ScoredRollout], Hashable], *, by_token: bool
) -> list[float]:
    """The advantage of each entry among the entries with the same ``baseline``, in the order of the entries.

    ``by_token`` counts a rollout once for each of its completion tokens, so that long ones weigh more.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for at, (episode, scored) in enumerate(entries):
        groups[baseline(episode, scored)].append(at)
    advantages = [0.0] * len(entries)
    for members in groups.values():
        scored_members = [entries[at][1] for at in members]
        weights = [float(len(scored.rollout.completion_ids)) for scored in scored_members] if by_token else None
        values = whitened([scored.reward for scored in scored_members], weights=weights)
        for at, value in zip(members, values, strict=True):
            advantages[at] = value
    return advantages


def with_shuffled_rewards(entries: Sequence[Entry], random: Random) -> list[Entry]:
    """The entries with their rewards permuted at random within each role: a control that keeps every other number."""
    shuffled = list(entries)
    for role in sorted({scored.rollout.role for _, scored in entries}):
        places = [at for at, (_, scored) in enumerate(entries) if scored.rollout.role == role]
        for at, source in zip(places, random.sample(places, len(places)), strict=True):
            episode, scored = entries[at]
            shuffled[at] = (episode, replace(scored, reward=entries[source][1].reward))
    return shuffled


def trajectory(
    episode: Episode, scored: ScoredRollout, *, advantage: float, objective: Objective = Objective.POLICY_GRADIENT
) -> Trajectory:
    """One rollout flattened: prompt tokens are masked out, each completion token carries ``advantage``."""
    rollout = scored.rollout
    num_prompt, num_completion = len(rollout.prompt_ids), len(rollout.completion_ids)
    return Trajectory(
        trajectory_id=rollout.rollout_id,
        episode_id=episode.episode_id,
        role=rollout.role,
        kind=scored.kind,
        policy=rollout.policy,
        objective=objective,
        token_ids=rollout.prompt_ids + rollout.completion_ids,
        loss_mask=(False,) * num_prompt + (True,) * num_completion,
        behaviour_logprobs=(0.0,) * num_prompt + rollout.behaviour_logprobs,
        advantages=(0.0,) * num_prompt + (advantage,) * num_completion,
        versions=(-1,) * num_prompt + tuple(_versions(scored)),
        reward=scored.reward,
    )


def _versions(scored: ScoredRollout) -> Iterator[int]:
    for span in scored.rollout.version_spans:
        yield from (span.number for _ in range(span.num_tokens))
