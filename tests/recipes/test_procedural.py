import asyncio
from random import Random

import pytest

from sparring.core.config import RecipeConfig
from sparring.recipes import build
from sparring.recipes.corpus import split_of


@pytest.fixture
def recipe():
    return build(RecipeConfig(name="procedural", options={"dialect": "compact", "batch_size": 2, "num_solves": 4}))


def opened(recipe, kind, number=0):
    return asyncio.run(recipe.open(kind, task_id=f"{kind}#{number}", archive=None, rng=Random(number)))


def test_a_step_is_one_batch_of_solves_of_each_kind(recipe):
    assert recipe.openings() == {"solve/deduction": 2, "solve/abduction": 2, "solve/induction": 2}


def test_tasks_are_drawn_from_the_seed_of_their_opening_and_never_from_a_held_out_program(recipe):
    for kind in recipe.openings():
        tasks = [opened(recipe, kind, number) for number in range(30)]
        assert tasks == [opened(recipe, kind, number) for number in range(30)]
        assert {split_of(task.payload["program"]) for task in tasks} == {"train"}
        assert len({task.payload["num_statements"] for task in tasks}) >= 3


async def test_every_answer_to_a_task_is_trained_on(recipe, fakes):
    task = await recipe.open("solve/deduction", task_id="t", archive=None, rng=Random(1))
    right, wrong = f"<a>{task.payload['output']}", "<a>'never'"
    sampler = fakes.sampler({"solver": [right, wrong, right, wrong]})
    episode = await recipe.play(task, sample=sampler, verify=fakes.verifier({}))
    assert [scored.solved for scored in episode.rollouts] == [True, False, True, False]
    assert all(scored.trained for scored in episode.rollouts)
    assert episode.metrics["solve_rate"] == 0.5
    trajectories = recipe.credit([episode])
    assert [trajectory.reward > 0 for trajectory in trajectories] == [True, False, True, False]
