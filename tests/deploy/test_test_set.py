import json

import msgspec
import pytest
from typer.testing import CliRunner

from sparring.actors.evaluation import Result
from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest
from sparring.core.rundir import RunDirectory
from sparring.deploy import launch
from sparring.deploy.cli import app
from sparring.deploy.test_set import (
    RESULT,
    TEST_TASKS,
    evaluate_on_test,
    evaluate_seed_model,
    is_used,
    read_result,
    refuse_test_set,
    unfinished,
)
from sparring.learner.checkpoint import Commit, Record

VALIDATION = TEST_TASKS.with_name("validation.jsonl")


def a_policy(path, *, number=0):
    path.mkdir(parents=True, exist_ok=True)
    (path / WEIGHTS).write_bytes(b"weights")
    manifest = Manifest(policy="base", number=number, sha256="0", num_bytes=7, tensors={})
    (path / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def a_run(root, *, steps=4, committed=4, exported=None, ended_at=None):
    """A run directory as training leaves it; finished unless told otherwise."""
    directory = RunDirectory(root)
    a_policy(root / "policy", number=committed if exported is None else exported)
    config = {"steps": steps, "evaluation": {"tasks": str(VALIDATION)}, "policy": {"model": str(root / "policy")}}
    directory.config.write_text(RunConfig.model_validate(config).model_dump_json())
    commit = Commit(step=committed, version=committed, entries=(), trajectory_ids=())
    checkpoint = directory.checkpoints / f"step-{committed:08d}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "commit.json").write_bytes(msgspec.json.encode(Record(commit, {})))
    line = {"step": committed if ended_at is None else ended_at, "phase": "end", **msgspec.to_builtins(a_result("v-0"))}
    directory.evaluations.write_text(json.dumps(line) + "\n")
    return root


def a_result(task_id):
    return Result(
        kind="deduction",
        task_id=task_id,
        num_statements=1,
        version=4,
        greedy=True,
        samples=(True,) * 8,
        prompt="",
        answer="",
    )


def two_tasks(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b"\n".join(TEST_TASKS.read_bytes().splitlines()[:2]) + b"\n")
    return path


def answers(config, model, tasks, *, num_samples):
    return [a_result(task.task_id) for task in tasks()]


def breaks_off(config, model, tasks, *, num_samples):
    tasks()
    raise RuntimeError("the machine went down")


def never_starts(config, model, tasks, *, num_samples):
    raise RuntimeError("no memory for the engine")


def test_training_refuses_to_evaluate_on_test_tasks():
    config = RunConfig.model_validate(
        {"policy": {"model": str(TEST_TASKS.parents[1] / "models" / "seed")}, "evaluation": {"tasks": str(TEST_TASKS)}}
    )
    with pytest.raises(UsageError, match="sparring experiment"):
        launch.check(config)


def test_the_command_evaluate_refuses_test_tasks_and_names_the_one_that_may(tmp_path):
    run = a_run(tmp_path / "run")
    result = CliRunner().invoke(app, ["evaluate", str(run), "--tasks", str(TEST_TASKS)])
    assert isinstance(result.exception, UsageError)
    assert "`sparring experiment`" in str(result.exception)


def test_a_copy_of_the_test_set_under_another_name_is_refused_too(tmp_path):
    with pytest.raises(UsageError, match="is a test set"):
        refuse_test_set(two_tasks(tmp_path))


def test_validation_tasks_are_not_refused():
    refuse_test_set(VALIDATION)


def test_a_run_that_stopped_early_is_not_tested(tmp_path):
    run = a_run(tmp_path / "run", steps=9, ended_at=0)
    with pytest.raises(UsageError, match=r"stopped after step 4 of 9.*--resume"):
        evaluate_on_test(run, answer=answers)
    assert not is_used(run)


def test_a_run_that_the_clock_ended_is_finished(tmp_path):
    assert unfinished(RunDirectory(a_run(tmp_path / "run", steps=9))) is None


def test_a_policy_of_an_earlier_stop_is_not_the_final_one(tmp_path):
    reason = unfinished(RunDirectory(a_run(tmp_path / "run", exported=3)))
    assert reason == "policy/ is not the policy of its last step, 4"


def test_a_run_killed_before_its_last_evaluation_is_not_finished(tmp_path):
    assert "evaluation after the last step" in unfinished(RunDirectory(a_run(tmp_path / "run", ended_at=2)))


def test_a_run_killed_while_it_wrote_its_configuration_is_not_finished(tmp_path):
    run = RunDirectory(a_run(tmp_path / "run"))
    run.config.write_text('{"steps":')
    assert unfinished(run) == "it holds no run"


def test_a_finished_run_is_tested_with_its_last_policy(tmp_path):
    run, asked = a_run(tmp_path / "run"), []

    def watched(config, model, tasks, *, num_samples):
        asked.append((model, num_samples))
        return answers(config, model, tasks, num_samples=num_samples)

    evaluate_on_test(run, answer=watched, tasks=two_tasks(tmp_path))
    assert asked == [(run / "policy", 8)]
    assert [(one.task_id, one.phase, one.step) for one in read_result(run)] == [
        ("test-deduction-0", "test", 4),
        ("test-deduction-1", "test", 4),
    ]


def test_a_run_is_tested_once(tmp_path):
    run, tasks = a_run(tmp_path / "run"), two_tasks(tmp_path)
    evaluate_on_test(run, answer=answers, tasks=tasks)
    before = (run / RESULT).read_bytes()
    with pytest.raises(UsageError, match=r"was evaluated on the test set already.*another run"):
        evaluate_on_test(run, answer=answers, tasks=tasks)
    assert (run / RESULT).read_bytes() == before


def test_an_evaluation_that_broke_off_counts_as_used_and_gives_no_result(tmp_path):
    run, tasks = a_run(tmp_path / "run"), two_tasks(tmp_path)
    with pytest.raises(RuntimeError):
        evaluate_on_test(run, answer=breaks_off, tasks=tasks)
    assert is_used(run)
    assert read_result(run) is None
    with pytest.raises(UsageError, match="broke off"):
        evaluate_on_test(run, answer=answers, tasks=tasks)


def test_an_engine_that_never_started_has_used_nothing_up(tmp_path):
    run, tasks = a_run(tmp_path / "run"), two_tasks(tmp_path)
    with pytest.raises(RuntimeError):
        evaluate_on_test(run, answer=never_starts, tasks=tasks)
    assert not is_used(run)


def test_of_two_evaluations_at_once_only_one_gets_the_tasks(tmp_path):
    run, tasks = a_run(tmp_path / "run"), two_tasks(tmp_path)

    def slow(config, model, hand_out, *, num_samples):
        evaluate_on_test(run, answer=answers, tasks=tasks)  # the other one, while this engine starts
        return answers(config, model, hand_out, num_samples=num_samples)

    with pytest.raises(UsageError, match="already"):
        evaluate_on_test(run, answer=slow, tasks=tasks)
    assert len(read_result(run)) == 2


def test_a_result_with_a_line_missing_is_no_result(tmp_path):
    run = a_run(tmp_path / "run")
    evaluate_on_test(run, answer=answers, tasks=two_tasks(tmp_path))
    path = run / RESULT
    path.write_bytes(path.read_bytes()[:-20])
    assert read_result(run) is None


def test_the_starting_model_is_tested_once_as_well(tmp_path):
    root, tasks = a_run(tmp_path / "seed_model"), two_tasks(tmp_path)
    evaluate_seed_model(root, answer=answers, tasks=tasks)
    assert {one.step for one in read_result(root)} == {0}
    with pytest.raises(UsageError, match="already"):
        evaluate_seed_model(root, answer=answers, tasks=tasks)
