import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy import launch, run_state
from sparring.deploy.cli import app

RUNS = Path(__file__).parents[2] / "deploy" / "runs"


def a_config(**changes):
    return RunConfig().model_copy(update=changes)


@pytest.mark.parametrize("name", ["azr_7b", "quickstart"])
def test_a_shipped_run_file_resolves_with_dry_run(name):
    result = CliRunner().invoke(app, ["train", "--config", str(RUNS / f"{name}.toml"), "--dry-run"])
    assert result.exit_code == 0
    assert "episodes of one learner step" in result.output


def test_the_paper_run_has_the_papers_numbers():
    config = launch.resolve(RUNS / "azr_7b.toml", RunDirectory(Path("unused")), overrides=[], resume=False)
    assert config.learner.learning_rate == 1e-6
    assert (config.sampling.max_prompt_tokens, config.sampling.max_response_tokens) == (6144, 8096)
    assert config.recipe.options["batch_size"] == 64
    assert config.replay.max_staleness == 0


def test_a_run_directory_that_holds_a_run_is_not_written_over(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    launch.prepare(a_config(), directory, resume=False, fresh=False)
    with pytest.raises(UsageError, match="already holds a run: --resume"):
        launch.prepare(a_config(), directory, resume=False, fresh=False)


def test_fresh_deletes_the_run_before(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    launch.prepare(a_config(), directory, resume=False, fresh=False)
    directory.metrics.write_text("old")
    launch.prepare(a_config(), directory, resume=False, fresh=True)
    assert not directory.metrics.exists()


def test_fresh_never_deletes_a_directory_that_holds_no_run(tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    launch.prepare(a_config(), RunDirectory(tmp_path), resume=False, fresh=True)
    assert (tmp_path / "precious.txt").exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_directory_of_another_program_s_gets_no_file_of_ours(tmp_path, monkeypatch, fresh):
    monkeypatch.setattr(launch, "check", lambda config: None)
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["Qwen2ForCausalLM"]}))
    with pytest.raises(UsageError, match="is not a run"):
        launch.train(a_config(), RunDirectory(tmp_path), resume=False, fresh=fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_run_that_fails_leaves_a_report_and_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def fail(config, directory, *, resume):
        directory.journal.write_text('{"step": 3, "entries": [], "trajectories": []}\n')
        raise ComponentFailed("learner", "gone")

    monkeypatch.setattr(launch, "check", lambda config: None)
    monkeypatch.setattr(launch, "_run", fail)
    directory = RunDirectory(tmp_path / "run")
    with pytest.raises(ComponentFailed, match="gone"):
        launch.train(a_config(), directory, resume=False, fresh=False)
    assert directory.report.exists()
    assert f"3 steps are committed; take them up again with: sparring train --resume --run {directory.root}" in (
        capsys.readouterr().out
    )


def test_fresh_never_deletes_what_another_program_configured(tmp_path):
    text = json.dumps({"architectures": ["Qwen2ForCausalLM"], "vocab_size": 512})
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "model.safetensors").write_text("precious")
    with pytest.raises(UsageError, match=f"{tmp_path} is not a run, and will not be deleted"):
        launch.prepare(a_config(), RunDirectory(tmp_path), resume=False, fresh=True)
    assert (tmp_path / "config.json").read_text() == text
    assert (tmp_path / "model.safetensors").read_text() == "precious"


def test_fresh_deletes_a_run_whose_configuration_is_damaged(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    launch.prepare(a_config(), directory, resume=False, fresh=False)
    directory.config.write_text("{")
    with pytest.raises(UsageError, match="will not be deleted"):
        launch.prepare(a_config(), directory, resume=False, fresh=True)
    run_state.mark_running(directory)  # what no other program writes
    directory.metrics.write_text("old")
    launch.prepare(a_config(), directory, resume=False, fresh=True)
    assert not directory.metrics.exists()


def test_resuming_an_empty_directory_says_so(tmp_path):
    with pytest.raises(UsageError, match="nothing to resume"):
        launch.resolve(None, RunDirectory(tmp_path), overrides=[], resume=True)


def test_a_resumed_run_keeps_its_configuration_but_for_overrides(tmp_path):
    directory = RunDirectory(tmp_path)
    launch.prepare(a_config(steps=7), directory, resume=False, fresh=False)
    resumed = launch.resolve(None, directory, overrides=["learner.world_size=2"], resume=True)
    assert (resumed.steps, resumed.learner.world_size) == (7, 2)


def test_a_missing_model_directory_is_named_before_anything_starts(tmp_path):
    config = RunConfig.model_validate({"policy": {"model": str(tmp_path / "nowhere")}})
    with pytest.raises(UsageError, match="nowhere"):
        launch.check(config)


def test_an_unwritable_run_directory_is_named_with_its_free_space(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"MiB free"):
        launch.prepare(a_config(), RunDirectory(tmp_path / "file" / "run"), resume=False, fresh=False)


def test_doctor_speaks_json():
    result = CliRunner().invoke(app, ["doctor", "--json"])
    checks = json.loads(result.output)["checks"]
    assert {"name", "status", "seen", "wanted", "fix"} <= set(checks[0])
