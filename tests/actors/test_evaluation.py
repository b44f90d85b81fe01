import asyncio

import msgspec
import pytest

from sparring.actors.evaluation import evaluate, read_tasks
from sparring.core.errors import PlayFailed, UsageError, VerificationFailed
from sparring.core.recipe import Role
from sparring.core.types import FinishReason, Rollout, Task, VersionSpan

SOLVER = Role(name="solver", policy="base")


def a_task(name, kind="solve/deduction"):
    return Task(task_id=name, kind=kind, payload={"num_statements": 2})


def sampler(text):
    async def sample(role, prompt, *, task, num_samples=1):
        return [
            Rollout(
                rollout_id=f"{task.task_id}/{index}",
                role=role.name,
                task_id=task.task_id,
                policy="base",
                prompt_ids=(1,),
                completion_ids=(2,),
                behaviour_logprobs=(-0.1,),
                version_spans=(VersionSpan(number=7, num_tokens=1),),
                text=text,
                finish_reason=FinishReason.STOP,
            )
            for index in range(num_samples)
        ]

    return sample


class RightIfYes:
    async def attempt(self, task, *, sample, verify, num_samples):
        rollouts = await sample(SOLVER, f"ask {task.task_id}", task=task, num_samples=num_samples)
        return [rollout.text == "yes" for rollout in rollouts]


async def test_each_task_is_answered_once_greedily_and_several_times_sampled():
    results = await evaluate(
        RightIfYes(), [a_task("t")], greedy=sampler("yes"), sample=sampler("no"), verify=None, num_samples=4
    )
    (result,) = results
    assert (result.greedy, result.samples) == (True, (False,) * 4)
    assert (result.kind, result.version, result.num_statements) == ("deduction", 7, 2)
    assert (result.prompt, result.answer) == ("ask t", "yes")


class FailsFor(RightIfYes):
    """Its verifier is lost under the samples of some tasks."""

    def __init__(self, *names, error=VerificationFailed):
        self.names, self.error, self.ended = names, error, 0

    async def attempt(self, task, *, sample, verify, num_samples):
        if task.task_id in self.names and num_samples > 1:
            raise self.error("executor was lost")
        await asyncio.sleep(0.01)
        self.ended += 1
        return await super().attempt(task, sample=sample, verify=verify, num_samples=num_samples)


async def evaluated(recipe, **options):
    tasks = [a_task(name) for name in "abcd"]
    return await evaluate(
        recipe, tasks, greedy=sampler("yes"), sample=sampler("no"), verify=None, num_samples=4, **options
    )


async def test_tasks_that_could_not_be_judged_are_left_out_and_counted(caplog):
    results = await evaluated(FailsFor("b"), may_lack=True)
    assert [result.task_id for result in results] == ["a", "c", "d"]
    assert "failed=1 of=4 reason=executor was lost" in caplog.text


async def test_an_evaluation_of_which_most_failed_is_none():
    assert len(await evaluated(FailsFor("a", "b"), may_lack=True)) == 2
    with pytest.raises(PlayFailed, match=r"3 of 4 held-out tasks could not .* executor was lost"):
        await evaluated(FailsFor("a", "b", "c"), may_lack=True)


async def test_where_every_task_counts_one_failure_is_one_too_many_and_nothing_goes_on_behind_it():
    recipe = FailsFor("b")
    with pytest.raises(VerificationFailed):
        await evaluated(recipe)
    assert recipe.ended == 7


async def test_a_mistake_is_never_left_out():
    with pytest.raises(ValueError, match="executor"):
        await evaluated(FailsFor("b", error=ValueError), may_lack=True)


def test_the_first_tasks_of_each_kind_are_read(tmp_path):
    path = tmp_path / "tasks.jsonl"
    tasks = [a_task("a"), a_task("b"), a_task("c", kind="solve/induction")]
    path.write_bytes(b"\n".join(msgspec.json.encode(task) for task in tasks))
    assert [task.task_id for task in read_tasks(path, num_tasks=1)] == ["a", "c"]


def test_a_missing_or_broken_file_of_tasks_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.jsonl"):
        read_tasks(tmp_path / "nowhere.jsonl", num_tasks=1)
    (tmp_path / "broken.jsonl").write_text('{"task_id": 3}')
    with pytest.raises(UsageError, match=r"broken\.jsonl.*must be a task"):
        read_tasks(tmp_path / "broken.jsonl", num_tasks=1)
