from pathlib import Path

import pytest
from pydantic import BaseModel, model_validator

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.run_file import load_config, override_config, validate


def write(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text)
    return path


def test_an_unknown_key_is_refused_with_its_nearest_match(tmp_path):
    with pytest.raises(UsageError, match=r"unknown key learner\.lerning_rate.*learner\.learning_rate"):
        load_config(write(tmp_path, "[learner]\nlerning_rate = 1.0\n"))


def test_an_unknown_section_is_refused_with_its_nearest_match(tmp_path):
    with pytest.raises(UsageError, match="unknown key lerner; the nearest known key is learner"):
        load_config(write(tmp_path, "[lerner]\nx = 1\n"))


def test_a_value_out_of_range_says_what_was_seen(tmp_path):
    with pytest.raises(UsageError, match=r"learner\.zero_stage = 7"):
        load_config(write(tmp_path, "[learner]\nzero_stage = 7\n"))


def test_every_problem_of_a_file_is_reported_at_once(tmp_path):
    with pytest.raises(UsageError, match=r"2 problem"):
        load_config(write(tmp_path, "stepps = 3\n[learner]\nworld_size = 0\n"))


def test_a_problem_of_several_values_together_is_told_without_a_place():
    class Pair(BaseModel):
        low: int
        high: int

        @model_validator(mode="after")
        def ordered(self):
            raise ValueError("low is above high")

    with pytest.raises(UsageError, match="low is above high"):
        validate(Pair, {"low": 2, "high": 1}, where="here")


def test_an_override_beats_the_file_and_may_be_plain_text(tmp_path):
    path = write(tmp_path, "steps = 3\n")
    config = load_config(path, ["steps=5", "learner.learning_rate=1e-3", "policy.name=other"])
    assert (config.steps, config.learner.learning_rate, config.policy.name) == (5, 1e-3, "other")


def test_an_override_without_a_value_says_what_one_looks_like(tmp_path):
    with pytest.raises(UsageError, match=r"section\.key=value"):
        load_config(write(tmp_path, ""), ["steps"])


def test_a_missing_run_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml")


def test_a_path_beside_the_run_file_is_made_absolute(tmp_path):
    (tmp_path / "model").mkdir()
    config = load_config(write(tmp_path, '[policy]\nmodel = "model"\n'))
    assert config.policy.model == (tmp_path / "model").resolve()


def test_a_path_of_an_override_is_of_the_working_directory_first(tmp_path, monkeypatch):
    for folder in ("here/model", "here/run/model", "here/run/only", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    path = write(tmp_path / "here" / "run", "")
    monkeypatch.chdir(tmp_path / "here")
    config = load_config(path, ["policy.model=model", "recipe.options.targets_file=model", "policy.name=model"])
    assert config.policy.model == tmp_path / "here" / "model"
    assert config.recipe.options["targets_file"] == str(tmp_path / "here" / "model")
    assert config.policy.name == "model"
    assert load_config(path, ["policy.model=only"]).policy.model == tmp_path / "here" / "run" / "only"
    assert load_config(path, ["policy.model=org/none"]).policy.model == Path("org/none")
    taken_up = override_config(config, ["policy.model=model"])
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert taken_up.policy.model == tmp_path / "here" / "model"


def test_an_unknown_key_of_a_list_of_sections_is_refused_with_its_nearest_match(tmp_path):
    with pytest.raises(
        UsageError, match=r"unknown key proofs\.warm\.0\.foo; the nearest known key is proofs\.warm\.0\."
    ):
        load_config(write(tmp_path, ""), ['proofs.warm=[{backend="rocq",header="x",foo=1}]'])


def test_a_configuration_survives_json():
    config = RunConfig(steps=7)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_evaluating_every_few_steps_is_refused_where_no_held_out_tasks_are_named(tmp_path):
    path = write(tmp_path, "[evaluation]\nevery = 5\n")
    with pytest.raises(UsageError, match=r"evaluation\.every = 5, but no evaluation\.tasks"):
        load_config(path)
    with pytest.raises(UsageError, match=r"set evaluation\.tasks"):
        load_config(write(tmp_path, ""), ["evaluation.every=3"])
    assert load_config(write(tmp_path, "[evaluation]\nevery = 0\n")).evaluation.every == 0
    config = load_config(write(tmp_path, '[evaluation]\ntasks = "held_out.jsonl"\nevery = 5\n'))
    assert config.evaluation.every == 5


def test_a_run_without_held_out_tasks_can_be_taken_up_with_the_defaults_it_kept():
    kept = RunConfig.model_validate_json(RunConfig().model_dump_json())
    assert override_config(kept, ["steps=7"]).evaluation == RunConfig().evaluation


def test_frozen_policies_are_refused_where_nothing_hosts_them(tmp_path):
    text = '[policy.frozen]\nsnapshot = "model"\n'
    with pytest.raises(UsageError, match="single_process"):
        load_config(write(tmp_path, text))
    assert load_config(write(tmp_path, 'mode = "single_process"\n' + text)).policy.frozen["snapshot"].name == "model"
