import asyncio
import os
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from typer.testing import CliRunner

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest
from sparring.core.run_config import write_run_config
from sparring.core.rundir import RunDirectory
from sparring.deploy import launch
from sparring.deploy.cli import app
from sparring.deploy.evaluate import evaluate_policy, evaluate_run, exported_policy
from sparring.learner.checkpoint import Commit, Record

SEED_MODEL = Path(__file__).parents[2] / "deploy" / "models" / "seed"
VALIDATION = Path(__file__).parents[2] / "deploy" / "data" / "validation.jsonl"
LOG = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_LOGGING_STREAM": "ext://sys.stderr"}


class Imported(Exception):
    """Something that imports vLLM was about to be imported."""


class ImportsVllm(ModuleType):
    """Stands for a module that imports vLLM, and keeps what vLLM would have read from the environment."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.seen = {variable: os.environ.get(variable) for variable in LOG}
        raise Imported


@pytest.fixture
def unset(monkeypatch):
    """The environment of a shell, given back afterwards."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in LOG:
        os.environ.pop(name, None)


def a_run(root, *, committed=None, exported=None):
    """A run directory with checkpoints of these steps, and the policy of this version."""
    directory = RunDirectory(root)
    root.mkdir()
    write_run_config(RunConfig.model_validate({"policy": {"model": str(SEED_MODEL)}}), directory)
    for step in committed or ():
        checkpoint = directory.checkpoints / f"step-{step:08d}"
        checkpoint.mkdir(parents=True)
        commit = Commit(step=step, version=step, entries=(), trajectory_ids=())
        (checkpoint / "commit.json").write_bytes(msgspec.json.encode(Record(commit, {})))
    if exported is not None:
        manifest = Manifest(policy="base", number=exported, sha256="0", num_bytes=7, tensors={})
        (root / "policy").mkdir()
        (root / "policy" / WEIGHTS).write_bytes(b"weights")
        (root / "policy" / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return directory


def test_the_policy_of_the_newest_commit_is_evaluated(tmp_path):
    directory = a_run(tmp_path / "run", committed=(14, 15), exported=15)
    assert exported_policy(directory) == tmp_path / "run" / "policy"


def test_a_policy_alone_is_enough_where_the_checkpoints_were_removed(tmp_path):
    assert exported_policy(a_run(tmp_path / "run", exported=15)) == tmp_path / "run" / "policy"


def test_an_older_policy_than_the_newest_commit_is_not_evaluated_in_its_place(tmp_path):
    directory = a_run(tmp_path / "run", committed=(14, 15), exported=6)
    seen = r"at step 15 \(version 15\), but \S+policy is version 6: .*--resume --run \S+run$"
    with pytest.raises(UsageError, match=seen):
        evaluate_run(directory, tasks=None, num_tasks=1)


def test_a_run_that_was_killed_before_it_exported_says_how_to_take_it_up(tmp_path):
    with pytest.raises(UsageError, match=r"is at step 3 and holds no whole policy/: .*if it was killed.*--resume"):
        exported_policy(a_run(tmp_path / "run", committed=(3,)))
    with pytest.raises(UsageError, match=r"no step .* was committed.*--resume"):
        exported_policy(a_run(tmp_path / "other"))


def test_an_export_that_broke_off_is_none(tmp_path):
    directory = a_run(tmp_path / "run", committed=(3,), exported=3)
    (tmp_path / "run" / "policy" / MANIFEST).unlink()
    with pytest.raises(UsageError, match="no whole policy/"):
        exported_policy(directory)


@pytest.fixture
def no_engine(monkeypatch):
    async def started(*args, **kwargs):
        raise AssertionError("an engine was started")

    monkeypatch.setattr("sparring.deploy.evaluate.evaluate_policy", started)


def test_missing_empty_or_broken_tasks_are_refused_before_an_engine_is_started(tmp_path, no_engine):
    directory = a_run(tmp_path / "run", committed=(3,), exported=3)
    path = tmp_path / "tasks.jsonl"
    with pytest.raises(UsageError, match="No such file"):
        evaluate_run(directory, tasks=path, num_tasks=2)
    for text, problem in (("", "such as deploy/data/validation.jsonl"), ("{", "each line must be a task in JSON")):
        path.write_text(text)
        with pytest.raises(UsageError, match=problem):
            evaluate_run(directory, tasks=path, num_tasks=2)
    with pytest.raises(UsageError, match="the first 0 of each kind are none"):
        evaluate_run(directory, tasks=VALIDATION, num_tasks=0)


def test_so_they_are_before_a_run(tmp_path):
    for name, text, problem in (("empty", "", "one task or more"), ("broken", "{", "each line must be a task")):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(text)
        tree = {"policy": {"model": str(SEED_MODEL)}, "evaluation": {"tasks": str(path)}}
        with pytest.raises(UsageError, match=problem):
            launch.check(RunConfig.model_validate(tree))


def test_no_tasks_at_all_is_no_number_of_tasks():
    result = CliRunner().invoke(app, ["evaluate", "run", "--num-tasks", "0"])
    assert result.exit_code == 2
    assert not isinstance(result.exception, UsageError)


def test_what_vllm_logs_is_kept_off_standard_output_before_it_is_imported(monkeypatch, unset):
    module = ImportsVllm("sparring.serving.engine")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    config = RunConfig.model_validate({"policy": {"model": str(SEED_MODEL)}})
    with pytest.raises(Imported):
        asyncio.run(evaluate_policy(config, SEED_MODEL, list, num_samples=4))
    assert module.seen == LOG


def test_so_it_is_in_a_run_in_a_single_process(monkeypatch, unset, tmp_path):
    module = ImportsVllm("sparring.deploy.single_process")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    config = RunConfig.model_validate({"mode": "single_process", "policy": {"model": str(SEED_MODEL)}})
    monkeypatch.setattr(launch, "check", lambda config: None)
    with pytest.raises(Imported):
        launch.train(config, RunDirectory(tmp_path / "run"), resume=False, fresh=False)
    assert module.seen == LOG
