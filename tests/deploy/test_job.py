"""What a submitted job's upload means for paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.job import check_run_directory, rebased

OLD = Path("/tmp/ray/session_old/runtime_resources/working_dir_files/_ray_pkg_0123abcd")


def test_a_run_directory_in_the_upload_is_refused() -> None:
    with pytest.raises(UsageError, match="ends with the job"):
        check_run_directory(RunDirectory(OLD / "runs" / "mine"))


def test_a_run_directory_elsewhere_is_fine(tmp_path: Path) -> None:
    check_run_directory(RunDirectory(tmp_path))


def a_config(model: Path) -> RunConfig:
    return RunConfig.model_validate(
        {
            "mode": "single_process",
            "policy": {"model": model, "frozen": {"rival": model}},
            "evaluation": {"tasks": OLD / "gone.jsonl"},
        }
    )


def test_files_of_an_earlier_upload_are_found_in_this_one(tmp_path: Path) -> None:
    (tmp_path / "deploy" / "models" / "seed").mkdir(parents=True)
    config = rebased(a_config(OLD / "deploy" / "models" / "seed"), working_directory=tmp_path)
    assert config.policy.model == config.policy.frozen["rival"] == tmp_path / "deploy" / "models" / "seed"
    assert config.evaluation.tasks == OLD / "gone.jsonl"  # not here either: refused later, by its name


def test_other_paths_stay_what_they_were(tmp_path: Path) -> None:
    assert rebased(a_config(Path("/shared/model")), working_directory=tmp_path).policy.model == Path("/shared/model")
