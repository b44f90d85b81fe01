"""World size and ZeRO stage change where numbers live, never what is learned."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sparring.core.types import Objective, Trajectory
from sparring.learner.packing import StepBatch, pack

pytestmark = pytest.mark.service

Build = Callable[..., Trajectory]
STAGES = {"float32": "0,1,2,3", "bfloat16": "0,1,2,3"}
SCRIPT = Path(__file__).with_name("rank_process.py")


def step_batch(build: Build, step: int, *, world_size: int) -> StepBatch:
    """Uneven on purpose: one long trajectory, one demonstration, and too few rows for two full ranks."""
    trajectories = [build(f"{step}/{n}", prompt=2 + n, response=3 + 2 * n, version=step - 1) for n in range(5)]
    trajectories.append(build(f"{step}/long", prompt=4, response=50, version=step - 1))
    trajectories.append(build(f"{step}/shown", prompt=4, response=6, version=-1, objective=Objective.NLL))
    return pack(
        trajectories,
        version=step - 1,
        max_staleness=2,
        aggregation="token",
        row_tokens=40,
        rows_per_micro_batch=1,
        world_size=world_size,
    )


def train(model: Path, root: Path, build: Build, *, world_size: int, precision: str) -> None:
    batches = [step_batch(build, step, world_size=world_size) for step in (1, 2)]
    (root / f"batches-{world_size}.pickle").write_bytes(pickle.dumps(batches))
    (root / "address").unlink(missing_ok=True)
    command = [sys.executable, str(SCRIPT), str(model), str(root)]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(world_size), STAGES[precision], precision],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world_size)
    ]
    try:
        outputs = [rank.communicate(timeout=100)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0] * world_size, outputs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


def result(
    root: Path, model: Path, build: Build, *, stage: int, world_size: int, precision: str
) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Weights and metrics of one run; all stages of a world size are trained on first use."""
    name = f"{precision}-{stage}-{world_size}"
    if not (root / f"{name}.pickle").exists():
        train(model, root, build, world_size=world_size, precision=precision)
    return load_file(root / f"{name}.safetensors"), pickle.loads((root / f"{name}.pickle").read_bytes())


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_every_stage_and_world_size_learns_the_same(
    tiny_model: Callable[..., Path], trajectory: Build, trained: Path, stage: int, world_size: int
) -> None:
    reference, reference_values = result(trained, tiny_model(), trajectory, stage=0, world_size=1, precision="float32")

    weights, values = result(trained, tiny_model(), trajectory, stage=stage, world_size=world_size, precision="float32")

    # AdamW's first steps are the sign of the gradient times the rate wherever it is near zero; 5e-5 is 0.7 % of them.
    torch.testing.assert_close(weights, reference, atol=5e-5, rtol=1e-4)
    for seen, expected in zip(values, reference_values, strict=True):
        assert seen == pytest.approx(expected, rel=1e-4, abs=1e-5)
    # It did learn something: a warmed-up rate of 0.0025 and 0.005 moves weights by about as much.
    start = load_file(tiny_model() / "model.safetensors")
    assert max(float((weights[name] - start[name]).abs().max()) for name in start) > 5e-3


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_bfloat16_learns_nearly_the_same(
    tiny_model: Callable[..., Path], trajectory: Build, trained: Path, stage: int
) -> None:
    reference, reference_values = result(trained, tiny_model(), trajectory, stage=0, world_size=1, precision="float32")

    weights, values = result(trained, tiny_model(), trajectory, stage=stage, world_size=1, precision="bfloat16")

    # bfloat16 has 8 bits: losses to a few per cent, norms to more.
    for seen, expected in zip(values, reference_values, strict=True):
        assert seen["loss"] == pytest.approx(expected["loss"], rel=0.1, abs=0.05)
        assert seen["grad_norm"] == pytest.approx(expected["grad_norm"], rel=0.25)
    assert weights.keys() == reference.keys()
