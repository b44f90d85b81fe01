"""The ranks as Ray actors: the same numbers as one rank, one atomic commit, and a death that names its rank."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, TrainingHalted, UsageError
from sparring.core.manifest import read_manifest
from sparring.core.rundir import RunDirectory
from sparring.core.types import PolicyVersion, Trajectory
from sparring.learner.checkpoint import Commit, latest

pytestmark = [
    pytest.mark.service,
    # Ray 2.60 leaves sockets to the garbage collector and warns about its own defaults.
    pytest.mark.filterwarnings("ignore"),
]

Build = Callable[..., Trajectory]


async def ours() -> None:
    """No other learner has taken over."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray

    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield ray
    ray.shutdown()


def configuration(model: Path, store: Path, **learner: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "policy": {"model": str(model), "dtype": "float32"},
            "publish": {"store": str(store)},
            "learner": {
                "world_size": 2,
                "precision": "float32",
                "learning_rate": 1e-2,
                "row_tokens": 32,
                "max_parity_gap": 1e3,
                "step_timeout_s": 60.0,
                **learner,
            },
        }
    )


def batch(build: Build, step: int) -> list[Trajectory]:
    return [build(f"{step}/{n}", prompt=2, response=4 + n, version=step - 1) for n in range(7)]


async def test_two_ranks_learn_commit_resume_publish_and_halt(
    cluster: Any, tiny_model: Callable[..., Path], trajectory: Build, tmp_path: Path
) -> None:
    from sparring.learner.group import LearnerGroup

    directory, config = RunDirectory(tmp_path), configuration(tiny_model(), tmp_path / "store", max_parity_gap=20.0)
    group = await LearnerGroup.start(config, directory=directory)
    try:
        values = await group.step(batch(trajectory, 1), step=1, version=0)
        assert values["tokens/trained"] == sum(range(4, 11))
        record = Commit(step=1, version=1, entries=("1-0",), trajectory_ids=("t",))
        await group.commit(record, still_ours=ours)
        assert latest(directory.checkpoints) == record

        await group.step(batch(trajectory, 2), step=2, version=1)
        lost = await group.publish(PolicyVersion(policy="base", number=2), step=2)
        await group.restore(record)
        await group.step(batch(trajectory, 2), step=2, version=1)
        again = await group.publish(PolicyVersion(policy="base", number=3), step=2)
        assert again.announcement.sha256 == lost.announcement.sha256
        assert read_manifest(Path(again.announcement.path)).tensors.keys() == names(tiny_model())

        # The sampler claims logprobs of -40 on own-version tokens; every rank must refuse, not only the one that sees.
        with pytest.raises(TrainingHalted, match="parity/abs_mean"):
            await group.step([trajectory("x", version=2, behaviour=-40.0)], step=3, version=2)

        os.kill(await group.rank_pid(1), signal.SIGKILL)
        with pytest.raises(ComponentFailed, match=r"learner rank 1: its process died"):
            await group.step(batch(trajectory, 3), step=3, version=2)
    finally:
        await group.close()


def names(model: Path) -> set[str]:
    return set(load_file(model / "model.safetensors"))


async def test_a_model_that_is_not_there_is_the_users_to_mend(cluster: Any, tmp_path: Path) -> None:
    from sparring.learner.group import LearnerGroup

    config = configuration(tmp_path / "nowhere", tmp_path / "store", world_size=1)

    with pytest.raises(UsageError, match=r"no config.json there; give a Hugging Face causal-LM directory"):
        await LearnerGroup.start(config, directory=RunDirectory(tmp_path))


async def test_ranks_that_find_no_room_in_the_cluster_say_so(
    cluster: Any, tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    from sparring.learner.group import LearnerGroup

    config = configuration(tiny_model(), tmp_path / "store", cpus=64.0)

    with pytest.raises(ComponentFailed, match=r"learner rank 0: no answer to starting its process \(deadline 2 s\)"):
        await LearnerGroup.start(config, directory=RunDirectory(tmp_path), start_s=2.0)
