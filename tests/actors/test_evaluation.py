import msgspec
import pytest

from sparring.actors.evaluation import evaluate, read_tasks
from sparring.core.errors import UsageError
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
