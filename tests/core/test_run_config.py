import json

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.run_config import is_run_config, read_run_config, write_run_config
from sparring.core.rundir import RunDirectory


def test_a_stored_configuration_is_read_back(tmp_path):
    directory = RunDirectory(tmp_path)
    write_run_config(RunConfig(steps=7), directory)
    write_run_config(RunConfig(steps=9), directory)
    assert read_run_config(directory).steps == 9
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_write_that_fails_leaves_the_configuration_before(tmp_path, monkeypatch):
    directory = RunDirectory(tmp_path)
    write_run_config(RunConfig(steps=7), directory)

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_run_config(RunConfig(steps=9), directory)
    assert read_run_config(directory).steps == 7


def test_a_directory_without_a_run_says_what_to_give(tmp_path):
    with pytest.raises(UsageError, match=r"none holds no run.*sparring train --run"):
        read_run_config(RunDirectory(tmp_path / "none"))


@pytest.mark.parametrize("text", ['{"steps":', "", "[]", '{"steps": 0}', '{"architectures": ["Qwen2ForCausalLM"]}'])
def test_a_damaged_configuration_is_named_on_one_line(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=r"config\.json is not the configuration of a run: .*put it back") as caught:
        read_run_config(RunDirectory(tmp_path))
    assert "\n" not in str(caught.value)


def test_the_configuration_of_another_program_is_not_a_runs(tmp_path):
    write_run_config(RunConfig(), RunDirectory(tmp_path))
    assert is_run_config(tmp_path / "config.json")
    for other in ({"architectures": ["Qwen2ForCausalLM"], "vocab_size": 512}, {}, {"seed": 1}):
        (tmp_path / "config.json").write_text(json.dumps(other))
        assert not is_run_config(tmp_path / "config.json")
    assert not is_run_config(tmp_path / "none.json")
