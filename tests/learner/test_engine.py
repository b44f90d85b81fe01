"""The real engine in this process: exact resume, guards that leave the weights alone, and a rate of zero."""

from __future__ import annotations

import json
import math
import os
import resource
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from sparring.core.config import RunConfig
from sparring.core.errors import TrainingHalted, UsageError
from sparring.core.manifest import WEIGHTS
from sparring.core.metrics import declared
from sparring.core.rundir import RunDirectory
from sparring.core.types import PolicyVersion, Trajectory
from sparring.learner.checkpoint import Commit, latest
from sparring.learner.local import LocalEngine

pytestmark = [
    pytest.mark.service,
    # DeepSpeed 0.19 and the torch it imports warn about themselves at import and at engine construction.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

Build = Callable[..., Trajectory]
Open = Callable[..., LocalEngine]


@pytest.fixture
async def engine(tiny_model: Callable[..., Path], tmp_path: Path) -> AsyncIterator[Open]:
    """Opens learners that share one run directory; closes them."""
    opened: list[LocalEngine] = []

    def build(**learner: Any) -> LocalEngine:
        tree = {
            "policy": {"model": str(tiny_model()), "dtype": "float32"},
            "replay": {"max_staleness": 4},
            "publish": {"store": str(tmp_path / "store")},
            "learner": {
                "precision": "float32",
                "learning_rate": 1e-2,
                "warmup_steps": 3,
                "row_tokens": 48,
                "max_parity_gap": 1e3,
                **learner,
            },
        }
        opened.append(LocalEngine(RunConfig.model_validate(tree), directory=RunDirectory(tmp_path)))
        return opened[-1]

    yield build
    for learner in opened:
        await learner.close()


def batch(build: Build, step: int) -> list[Trajectory]:
    return [build(f"{step}/{n}", prompt=2, response=4 + n, version=step - 1) for n in range(6)]


async def ours() -> None:
    """No other learner has taken over."""


def commit(step: int) -> Commit:
    return Commit(step=step, version=step, entries=(f"{step}-0",), trajectory_ids=(f"t{step}",))


async def published(learner: LocalEngine, number: int) -> tuple[dict[str, Tensor], str]:
    announcement = (await learner.publish(PolicyVersion(policy="base", number=number), step=number)).announcement
    return load_file(Path(announcement.path) / WEIGHTS), announcement.sha256


@pytest.mark.parametrize("stage", [0, 2])
async def test_a_resumed_run_is_bit_equal_to_one_that_never_stopped(
    engine: Open, trajectory: Build, tmp_path: Path, stage: int
) -> None:
    whole = engine(zero_stage=stage)
    for step in (1, 2, 3, 4):
        await whole.step(batch(trajectory, step), step=step, version=step - 1)
        if step == 2:
            await whole.commit(commit(2), still_ours=ours)
    expected, expected_hash = await published(whole, 4)

    resumed = engine(zero_stage=stage)
    start = latest(tmp_path / "checkpoints")
    assert start == commit(2)
    await resumed.restore(start)
    for step in (3, 4):
        await resumed.step(batch(trajectory, step), step=step, version=step - 1)
    weights, weights_hash = await published(resumed, 5)

    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert weights_hash == expected_hash


async def test_a_step_reports_declared_metrics_and_moves_the_weights(engine: Open, trajectory: Build) -> None:
    learner = engine()
    before, _ = await published(learner, 0)

    values = await learner.step(batch(trajectory, 1), step=1, version=0)

    after, _ = await published(learner, 1)
    wanted = {
        "loss", "grad_norm", "entropy", "mismatch_kl", "parity/abs_mean", "clip_fraction", "ratio/mean", "lr",
        "staleness/mean", "staleness/max", "staleness/masked_tokens", "tokens/trained", "trajectories",
        "response_length",
    }  # fmt: skip
    assert values.keys() == wanted
    assert all(declared(name) and math.isfinite(value) for name, value in values.items())
    assert values["tokens/trained"] == sum(range(4, 10))
    assert values["lr"] == pytest.approx(1e-2 / 3)
    assert any(not torch.equal(before[name], after[name]) for name in before)


def slow_step(
    model: Path, trajectories: list[Trajectory], *, loss: str, aggregation: str
) -> tuple[dict[str, Tensor], float]:
    """One step in plain torch: every trajectory alone, the formulas of PPO clip and truncated IS, AdamW."""
    lm = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, attn_implementation="eager").eval()
    optimizer = torch.optim.AdamW(lm.parameters(), lr=1e-2, betas=(0.9, 0.999), weight_decay=0.01)
    num_tokens = sum(sum(trajectory.loss_mask) for trajectory in trajectories)
    for trajectory in trajectories:
        logprobs = lm(input_ids=torch.tensor([trajectory.token_ids])).logits[0].log_softmax(-1)
        length = sum(trajectory.loss_mask)
        share = 1 / num_tokens if aggregation == "token" else 1 / (len(trajectories) * length)
        total = torch.tensor(0.0)
        for index, trained in enumerate(trajectory.loss_mask):
            if trained:
                before, advantage = logprobs[index - 1], trajectory.advantages[index]
                logprob = before[trajectory.token_ids[index]]
                ratio = (logprob - trajectory.behaviour_logprobs[index]).exp()
                if loss == "ppo_clip":
                    total = total - torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
                else:
                    total = total - ratio.detach().clamp(max=2.0) * advantage * logprob
                total = total + 0.001 * (before.exp() * before).sum()
        (total * share).backward()
    norm = torch.nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
    optimizer.step()
    return dict(lm.named_parameters()), float(norm)


@pytest.mark.parametrize("loss", ["ppo_clip", "truncated_is"])
@pytest.mark.parametrize("aggregation", ["token", "sequence"])
async def test_a_step_moves_the_weights_as_plain_torch_does(
    engine: Open, tiny_model: Callable[..., Path], trajectory: Build, loss: str, aggregation: str
) -> None:
    learner = engine(loss=loss, aggregation=aggregation, warmup_steps=0, rows_per_micro_batch=2)
    trajectories = batch(trajectory, 1)

    values = await learner.step(trajectories, step=1, version=0)

    weights, _ = await published(learner, 1)
    expected, norm = slow_step(tiny_model(), trajectories, loss=loss, aggregation=aggregation)
    start = load_file(tiny_model() / "model.safetensors")
    assert values["grad_norm"] == pytest.approx(norm, rel=1e-4)
    for name, tensor in weights.items():
        # Adam's first update is rate * sign(gradient) wherever the gradient is not almost 0: 0.01 for nearly all.
        wrong = (tensor - expected[name].detach()).abs() > 2e-4
        assert wrong.float().mean() < 0.002, name
        assert (tensor - start[name]).abs().max() > 5e-3, name


async def test_tokens_of_older_versions_are_no_evidence_about_parity(engine: Open, trajectory: Build) -> None:
    learner = engine(max_parity_gap=1e-6)

    values = await learner.step([trajectory("old", version=1)], step=3, version=2)

    assert "parity/abs_mean" not in values


@pytest.mark.parametrize("stage", [0, 2])
@pytest.mark.parametrize("fault", ["advantage", "behaviour", "parity"])
async def test_a_guard_names_its_reason_and_leaves_the_weights_untouched(
    engine: Open, trajectory: Build, stage: int, fault: str
) -> None:
    learner = engine(zero_stage=stage, max_parity_gap=0.5 if fault == "parity" else 1e3)
    _, before = await published(learner, 0)
    good, bad = trajectory("good"), trajectory("bad")
    match fault:
        case "advantage":
            bad = replace(bad, advantages=tuple(math.nan if trained else 0.0 for trained in bad.loss_mask))
            reason = r"step 1: loss is nan from 1 trajectories \(bad\)"
        case "behaviour":
            bad = replace(bad, behaviour_logprobs=tuple(math.nan if t else 0.0 for t in bad.loss_mask))
            reason = r"step 1: loss is nan from 1 trajectories \(bad\)"
        case _:
            reason = r"step 1: parity/abs_mean is .* nats on tokens that this very version sampled"

    with pytest.raises(TrainingHalted, match=reason):
        await learner.step([good, bad], step=1, version=0)

    _, after = await published(learner, 1)
    assert after == before


@pytest.mark.parametrize(
    ("stage", "precision"), [*((stage, "float32") for stage in range(4)), *((stage, "bfloat16") for stage in range(4))]
)
async def test_a_gradient_that_is_not_finite_never_reaches_the_weights(
    engine: Open, trajectory: Build, stage: int, precision: str
) -> None:
    learner = engine(zero_stage=stage, precision=precision)
    _, before = await published(learner, 0)
    # A forward pass that is fine and a backward pass that is not.
    norm = learner._rank.engine._engine.module.lm.model.norm
    norm.register_full_backward_hook(lambda module, inward, outward: tuple(g * math.nan for g in inward))

    with pytest.raises(TrainingHalted, match="step 1: grad_norm is"):
        await learner.step([trajectory("good")], step=1, version=0)

    _, after = await published(learner, 1)
    assert after == before


async def test_with_a_rate_of_zero_twenty_versions_have_one_hash(engine: Open, trajectory: Build) -> None:
    learner = engine(learning_rate=0.0, warmup_steps=0)

    hashes = set()
    for step in range(1, 21):
        await learner.step([trajectory(str(step), version=step - 1)], step=step, version=step - 1)
        hashes.add((await published(learner, step))[1])

    assert len(hashes) == 1


async def test_a_checkpoint_that_does_not_fit_keeps_the_one_before(
    engine: Open, trajectory: Build, tmp_path: Path
) -> None:
    learner = engine()
    await learner.step(batch(trajectory, 1), step=1, version=0)
    await learner.commit(commit(1), still_ours=ours)
    await learner.step(batch(trajectory, 2), step=2, version=1)

    # The kernel refuses to let any file of this process grow past 20 kB: torch's own write fails half way.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(UsageError, match=r"checkpoint.*checkpoints failed: .*MiB free"):
            await learner.commit(commit(2), still_ours=ours)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]
    assert latest(tmp_path / "checkpoints") == commit(1)
    # Space is found: the very same learner goes on.
    await learner.commit(commit(2), still_ours=ours)
    assert latest(tmp_path / "checkpoints") == commit(2)
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


async def test_a_checkpoint_of_another_stage_is_refused(engine: Open, trajectory: Build) -> None:
    writer = engine(zero_stage=0)
    await writer.step(batch(trajectory, 1), step=1, version=0)
    await writer.commit(commit(1), still_ours=ours)

    with pytest.raises(UsageError, match="holds no model and optimizer of this configuration"):
        await engine(zero_stage=2).restore(commit(1))


async def test_a_mended_journal_follows_the_restored_commit(engine: Open, trajectory: Build, tmp_path: Path) -> None:
    learner = engine()
    await learner.step(batch(trajectory, 1), step=1, version=0)
    await learner.commit(commit(1), still_ours=ours)
    whole = (tmp_path / "journal.jsonl").read_bytes()
    (tmp_path / "journal.jsonl").unlink()

    await learner.restore(commit(1))

    assert (tmp_path / "journal.jsonl").read_bytes() == whole


@pytest.mark.parametrize("stage", [0, 2])
async def test_a_restart_takes_up_the_first_weights_and_forgets_the_optimizer(
    engine: Open, trajectory: Build, stage: int
) -> None:
    learner = engine(zero_stage=stage, restart_learning_rate=5e-3, warmup_steps=0)
    before, _ = await published(learner, 0)
    await learner.step(batch(trajectory, 1), step=1, version=0)
    once, _ = await published(learner, 1)
    assert any(not torch.equal(before[name], once[name]) for name in before)

    await learner.restart()

    again, _ = await published(learner, 2)
    assert all(torch.equal(before[name], again[name]) for name in before)
    values = await learner.step(batch(trajectory, 1), step=2, version=0)
    assert values["lr"] == 5e-3
    # From the same weights with a fresh optimizer, Adam's first update is the rate times a sign: half as far.
    half, _ = await published(learner, 3)
    name = next(name for name in before if "embed" in name)
    moved, far = (half[name] - before[name]).abs().max(), (once[name] - before[name]).abs().max()
    assert float(moved / far) == pytest.approx(0.5, rel=0.05)
    values = await learner.step(batch(trajectory, 3), step=3, version=2)
    assert values["lr"] == 1e-2


async def test_minibatches_are_updates_of_one_step(engine: Open, trajectory: Build) -> None:
    learner = engine(minibatch_trajectories=2, min_updates=5, max_parity_gap=100.0)
    values = await learner.step(batch(trajectory, 1), step=1, version=0)
    # Three minibatches an epoch, five updates: an epoch and two thirds, 10 of the trajectories.
    assert values["trajectories"] == 10
    assert values["lr"] == pytest.approx(1e-2 / 3)


async def test_no_shared_memory_is_left_behind(engine: Open) -> None:
    engine()

    # DeepSpeed names its segments by this "port"; alone in its world a rank's is its own process id.
    assert os.environ["MASTER_PORT"] == str(os.getpid())
    assert list(Path("/dev/shm").glob(f"deepspeed_*_{os.getpid()}_*")) == []
