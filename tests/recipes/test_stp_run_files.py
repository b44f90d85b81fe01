import tomllib
from pathlib import Path

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.run_file import load_config
from sparring.deploy.launch import check, plan
from sparring.recipes import build
from sparring.recipes.stp_options import STPOptions

RUNS = Path("deploy/runs")


def test_the_paper_s_run_names_every_option_and_takes_the_defaults_but_one():
    options = tomllib.loads((RUNS / "stp_7b.toml").read_text())["recipe"]["options"]
    assert set(options) == set(STPOptions.model_fields)
    defaults = STPOptions().model_dump(mode="json")
    departures = {name for name, value in options.items() if not name.endswith("_file") and value != defaults[name]}
    assert departures == {"recall_shards", "reject_seed_equivalent"}


def test_the_paper_s_run_resolves_without_its_files():
    config = load_config(RUNS / "stp_7b.toml")
    assert "89221  conjecture" in plan(config)
    assert config.steps % config.recipe.options["refresh_every"] == 0  # the last round is the final retrain
    assert (config.learner.learning_rate, config.learner.restart_learning_rate) == (5e-5, 1e-4)


def test_the_quickstart_finds_its_files_beside_the_run_file():
    config = load_config(RUNS / "stp_quickstart.toml")
    assert Path(config.recipe.options["targets_file"]).is_file()
    assert config.policy.model.joinpath("config.json").is_file()
    assert build(config.recipe).provers == ("rocq",)


def test_a_round_that_could_be_stale_is_refused():
    config = load_config(RUNS / "stp_quickstart.toml", ["replay.max_staleness=1"])
    with pytest.raises(UsageError, match="max_staleness = 1"):
        check(config)


def test_targets_that_are_not_there_are_named(tmp_path):
    recipe = build(RunConfig.model_validate({"recipe": {"name": "stp"}}).recipe)
    with pytest.raises(UsageError, match="targets_file"):
        recipe._load_targets()
