import json

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.run_config import write_run_config
from sparring.core.rundir import RunDirectory
from sparring.deploy import launch


@pytest.fixture
def run(tmp_path):
    """A run of eight episodes a step that has committed three steps."""
    directory = RunDirectory(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "model").mkdir()
    policy = {"model": str(tmp_path / "model")}
    config = {"recipe": {"options": {"batch_size": 8}}, "policy": policy, "steps": 9}
    write_run_config(RunConfig.model_validate(config), directory)
    directory.journal.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 3)))
    return directory


def resumed(run, *overrides):
    return launch.resolve(None, run, overrides=overrides, resume=True)


@pytest.mark.parametrize("size", [3, 16])
def test_another_number_of_episodes_a_step_is_refused_before_anything_is_written(run, size):
    before = run.config.read_bytes()
    seen = rf"after step 3 with recipe\.options .*: {size}, .* instead of .*: 8, .*begin another run"
    with pytest.raises(UsageError, match=seen):
        resumed(run, f"recipe.options.batch_size={size}")
    assert run.config.read_bytes() == before


@pytest.mark.parametrize("override", ["recipe.name=procedural", "policy.name=other", "policy.model=elsewhere"])
def test_another_recipe_or_policy_is_refused(run, override):
    name, _, value = override.partition("=")
    with pytest.raises(UsageError, match=rf"{name} = '\S*{value}' instead of "):
        resumed(run, override)


def test_everything_else_may_change(run):
    config = resumed(run, "steps=12", "learner.world_size=2", f"policy.model={run.root}/../model")
    assert (config.steps, config.learner.world_size) == (12, 2)


def test_options_that_leave_the_rounds_as_they_are_may_change(run):
    assert resumed(run, "recipe.options.num_references=3").recipe.options["num_references"] == 3


def test_a_run_without_a_committed_step_may_change(run):
    run.journal.unlink()
    assert resumed(run, "recipe.options.batch_size=3").recipe.options["batch_size"] == 3


def test_a_run_file_beside_resume_is_refused_instead_of_ignored(run, tmp_path):
    with pytest.raises(UsageError, match=r"--config \S+other\.toml with --resume: .*--set section\.key=value"):
        launch.resolve(tmp_path / "other.toml", run, overrides=[], resume=True)
