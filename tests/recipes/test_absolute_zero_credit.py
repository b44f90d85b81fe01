"""Six baselines, weights, groups and what a cohort measures."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest

from sparring.core.metrics import declared
from sparring.core.types import Episode, ScoredRollout, Task
from sparring.recipes.absolute_zero import AbsoluteZero
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions

ONE, OTHER = "<p>def f(x): return x + 1<i>3", "<p>def f(y):\n    return y + 1<i>4"


def recipe(**options) -> AbsoluteZero:
    return AbsoluteZero(AbsoluteZeroOptions(**{"dialect": "compact", "batch_size": 2, **options}))


@pytest.fixture
def scored(fakes):
    def make(reward, *, role="solver", text="<a>1", num_tokens=1, trained=True) -> ScoredRollout:
        rollout = fakes.rollout(text, role=role, num_tokens=num_tokens)
        solved = reward > 0 if role == "solver" else None
        return ScoredRollout(rollout=rollout, kind="deduction", reward=reward, solved=solved, trained=trained)

    return make


def episode(*rollouts: ScoredRollout, number: int = 0, action: str = "solve", metrics=None) -> Episode:
    task = Task(task_id=f"e{number}", kind=f"{action}/deduction", payload={})
    return Episode(episode_id=task.task_id, task=task, rollouts=rollouts, metrics=metrics or {})


def advantages(game: AbsoluteZero, cohort: list[Episode]) -> list[float]:
    return [trajectory.advantages[-1] for trajectory in game.credit(cohort)]


def test_a_cohort_is_the_batch_of_one_opening_kind():
    game = recipe(batch_size=16)
    solve = episode()
    assert game.cohort_key(solve) == "solve/deduction"
    assert {game.cohort_size(key) for key in game.openings()} == {16}


def test_rewards_are_whitened_over_response_tokens_as_in_the_original_code(scored):
    cohort = [episode(scored(1.0, num_tokens=3)), episode(scored(-1.0, num_tokens=1))]
    # Tokens 1, 1, 1, -1: mean 0.5, variance (3 * 0.25 + 2.25) / 4 = 0.75
    assert advantages(recipe(), cohort) == pytest.approx([0.5 / sqrt(0.75), -1.5 / sqrt(0.75)])


def test_rewards_are_whitened_over_sequences_as_in_the_formula(scored):
    cohort = [episode(scored(1.0, num_tokens=3)), episode(scored(-1.0, num_tokens=1))]
    assert advantages(recipe(normalisation="sequence"), cohort) == [1.0, -1.0]


def test_proposer_and_solver_of_one_cohort_have_baselines_of_their_own(scored):
    cohort = [
        episode(scored(0.5, role="proposer"), scored(1.0), scored(1.0), action="propose"),
        episode(scored(-0.5, role="proposer"), scored(-0.5), scored(-0.5), action="propose", number=1),
    ]
    # Proposer 0.5, -0.5: mean 0, std 0.5. Solver 1, 1, -0.5, -0.5: mean 0.25, std 0.75.
    assert advantages(recipe(), cohort) == [1.0, 1.0, 1.0, -1.0, -1.0, -1.0]


def test_with_groups_a_rollout_is_compared_with_the_others_of_its_task(scored):
    cohort = [
        episode(scored(0.5, role="proposer"), scored(1.0), scored(-0.5), action="propose"),
        episode(scored(0.0, role="proposer"), scored(1.0), scored(1.0), action="propose", number=1),
    ]
    game = recipe(baseline="group", train_learnability_rollouts=True)
    # First task: mean 0.25, std 0.75. Second: no difference, no advantage. Proposers: mean 0.25, std 0.25.
    assert advantages(game, cohort) == [1.0, 1.0, -1.0, -1.0, 0.0, 0.0]


def test_with_groups_solves_of_archived_tasks_keep_the_baseline_of_their_kind(scored):
    game = recipe(baseline="group", train_learnability_rollouts=True)
    assert advantages(game, [episode(scored(1.0)), episode(scored(-0.5), number=1)]) == [1.0, -1.0]


def test_rollouts_that_estimate_learnability_are_neither_trained_nor_counted(scored):
    cohort = [
        episode(scored(0.5, role="proposer"), scored(1.0, trained=False), action="propose"),
        episode(scored(0.0, role="proposer"), scored(-1.0, trained=False), action="propose", number=1),
    ]
    trajectories = recipe().credit(cohort)
    assert [trajectory.role for trajectory in trajectories] == ["proposer", "proposer"]


def test_weights_scale_a_roles_advantages(scored):
    cohort = [
        episode(scored(0.5, role="proposer"), scored(1.0), action="propose"),
        episode(scored(0.0, role="proposer"), scored(-1.0), action="propose", number=1),
    ]
    assert advantages(recipe(proposer_weight=0.25, solver_weight=2.0), cohort) == [0.25, 2.0, -0.25, -2.0]


def test_trajectories_without_advantage_stay_in_the_batch(scored):
    assert advantages(recipe(), [episode(scored(1.0)), episode(scored(1.0), number=1)]) == [0.0, 0.0]


def test_shuffled_rewards_keep_every_reward_and_stay_within_their_role(scored):
    solves = [scored(reward) for reward in (1.0, -0.5, -0.5, -0.5, 1.0, -1.0, 1.0, 1.0)]
    cohort = [episode(scored(0.5, role="proposer"), *solves, action="propose")]
    plain, shuffled = (recipe(shuffle_rewards=shuffle).credit(cohort) for shuffle in (False, True))
    assert [t.reward for t in shuffled] != [t.reward for t in plain]
    assert sorted(t.reward for t in shuffled) == sorted(t.reward for t in plain)
    assert [t.reward for t in shuffled if t.role == "proposer"] == [0.5]
    assert [t.trajectory_id for t in shuffled] == [t.trajectory_id for t in plain]


def test_what_a_frozen_proposer_said_is_not_trained_on(scored):
    said = scored(0.5, role="proposer")
    frozen = replace(said, rollout=replace(said.rollout, policy="snapshot"))
    game = recipe(proposer_policy="snapshot")
    assert game.proposer.policy == "snapshot"
    assert [t.role for t in game.credit([episode(frozen, scored(1.0), scored(-0.5), action="propose")])] == [
        "solver"
    ] * 2


def test_trajectories_without_advantage_may_be_left_out(scored):
    same, mixed = [scored(1.0), scored(1.0)], [scored(1.0), scored(-0.5)]
    cohort = [episode(*same, number=0, action="propose"), episode(*mixed, number=1, action="propose")]
    options = {"train_learnability_rollouts": True, "baseline": "group", "train_without_advantage": False}
    assert [t.episode_id for t in recipe(**options).credit(cohort)] == ["e1", "e1"]


def test_a_solve_cohort_measures_its_solver(scored):
    cohort = [episode(scored(1.0, num_tokens=4)), episode(scored(-1.0, text="1"), number=1)]
    assert recipe().measure(cohort) == {
        "reward/mean/solver/deduction": 0.0,
        "response_length/solver/deduction": 2.5,
        "format/well_formed/solver/deduction": 0.5,
        "thinking/solver/deduction": 0.0,
        "solve_rate/solver/deduction": 0.5,
    }


def test_thinking_is_the_share_of_well_formed_answers_with_intermediate_values(scored):
    texts = ["<t>[1];2<a>3", "<a>3", "<t>2<a>3", "<t>no answer"]
    cohort = [episode(scored(1.0, text=text), number=number) for number, text in enumerate(texts)]
    assert recipe().measure(cohort)["thinking/solver/deduction"] == pytest.approx(2 / 3)


def test_where_no_answer_is_well_formed_nothing_is_said_about_thinking(scored):
    assert "thinking/solver/deduction" not in recipe().measure([episode(scored(-1.0, text="<t>1"))])


def proposals(scored) -> list[Episode]:
    valid = {"proposals/valid": 1.0, "solve_rate": 0.25, "learnability": 0.75}
    always = {"proposals/valid": 1.0, "solve_rate": 1.0, "learnability": 0.0}
    return [
        episode(scored(0.75, role="proposer", text=ONE), scored(1.0), action="propose", metrics=valid),
        episode(scored(0.0, role="proposer", text=OTHER), scored(1.0), action="propose", metrics=always),
        episode(scored(-0.75, role="proposer", text="?"), action="propose", metrics={"proposals/valid": 0.0}),
        episode(scored(-1.0, role="proposer", text=""), action="propose", metrics={"proposals/valid": 0.0}),
    ]


def test_a_proposal_cohort_measures_validity_diversity_and_learnability(scored):
    measured = recipe().measure(proposals(scored))
    assert measured == {
        "reward/mean/proposer/deduction": -0.25,
        "response_length/proposer/deduction": 1.0,
        "format/well_formed/proposer/deduction": 0.5,
        "proposals/valid/deduction": 0.5,
        "proposals/distinct/deduction": 0.5,  # the second is the first in other words
        "proposals/duplicate/deduction": 0.0,
        "proposals/statements/deduction": 1.0,
        "solve_rate/proposed/deduction": 0.625,
        "proposals/extreme/deduction": 0.5,  # one of the two valid ones is always solved
        "learnability/deduction": 0.375,
    }
    assert all(map(declared, measured))


def test_solves_in_place_are_measured_with_the_proposals_and_archived_ones_are_not(scored):
    assert recipe(solve_source="fresh").measure(proposals(scored))["solve_rate/solver/deduction"] == 1.0
    assert "reward/mean/solver/deduction" not in recipe().measure(proposals(scored))


def test_a_cohort_without_valid_proposals_measures_no_learnability(scored):
    measured = recipe().measure(proposals(scored)[2:])
    assert measured["proposals/valid/deduction"] == 0.0
    assert not {"learnability/deduction", "proposals/distinct/deduction"} & set(measured)
