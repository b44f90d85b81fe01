import asyncio
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sparring.core.config import RunConfig
from sparring.core.rundir import RunDirectory
from sparring.deploy import launch
from sparring.deploy.evaluate import evaluate_policy

SEED_MODEL = Path(__file__).parents[2] / "deploy" / "models" / "seed"
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
