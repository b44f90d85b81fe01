"""The scoring model: packed rows, chunked logits and published names against the plain Hugging Face model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from sparring.core.errors import UsageError
from sparring.core.types import Trajectory
from sparring.learner.model import ScoringModel, load_model, weight_names
from sparring.learner.objective import MicroBatch
from sparring.learner.packing import pack

Build = Callable[..., Trajectory]
Model = Callable[..., Path]


def one_by_one(directory: Path, trajectories: list[Trajectory]) -> list[tuple[list[float], list[float]]]:
    """Logprobs and entropies of each trajectory's loss tokens, one forward pass each, from the whole logits."""
    lm = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    results = []
    for trajectory in trajectories:
        ids = torch.tensor([trajectory.token_ids])
        with torch.no_grad():
            logprobs = lm(input_ids=ids).logits[0, :-1].log_softmax(-1)
        where = [index for index, trained in enumerate(trajectory.loss_mask) if trained]
        chosen = [float(logprobs[index - 1, trajectory.token_ids[index]]) for index in where]
        results.append((chosen, [float(-(logprobs[i - 1].exp() * logprobs[i - 1]).sum()) for i in where]))
    return results


def scored(model: ScoringModel, trajectories: list[Trajectory]) -> dict[int, tuple[list[float], list[float]]]:
    """The same through packed rows."""
    batch = pack(
        trajectories,
        version=0,
        max_staleness=0,
        aggregation="token",
        row_tokens=24,
        rows_per_micro_batch=2,
        world_size=1,
    )
    results: dict[int, tuple[list[float], list[float]]] = {}
    for packed in batch.ranks[0].micro_batches:
        micro = MicroBatch.of(packed, device=torch.device("cpu"), segments_by_mask=True)
        with torch.no_grad():
            logprobs, entropies = model(
                micro.token_ids_BT,
                position_ids_BT=micro.position_ids_BT,
                attention_mask=micro.attention_mask,
                targets_N=micro.targets_N,
            )
        for index in np.unique(micro.sequences_N):
            own = micro.sequences_N == index
            results[int(index)] = (logprobs[own].tolist(), entropies[own].tolist())
    return results


@pytest.mark.parametrize("tied", [True, False])
def test_packed_rows_score_as_one_by_one(tiny_model: Model, trajectory: Build, tied: bool) -> None:
    trajectories = [trajectory(str(n), prompt=1 + n % 4, response=1 + 3 * n % 11) for n in range(12)]
    trajectories.append(trajectory("long", prompt=9, response=40))

    packed = scored(load_model(tiny_model(tied=tied), dtype=torch.float32), trajectories)

    for index, (logprobs, entropies) in enumerate(one_by_one(tiny_model(tied=tied), trajectories)):
        assert packed[index][0] == pytest.approx(logprobs, abs=1e-5)
        assert packed[index][1] == pytest.approx(entropies, abs=1e-5)


def test_logits_in_chunks_give_the_same_scores_and_gradients(tiny_model: Model, trajectory: Build) -> None:
    whole = load_model(tiny_model(), dtype=torch.float32)
    chunked = ScoringModel(whole.lm, max_logits=64 * 3)  # three tokens at a time
    ids = torch.tensor([trajectory(prompt=1, response=10).token_ids])
    positions, targets = torch.arange(11)[None], torch.arange(1, 11)

    gradients = []
    for model in (whole, chunked):
        logprobs, entropies = model(ids, position_ids_BT=positions, attention_mask=None, targets_N=targets)
        model.zero_grad()
        (logprobs.sum() + entropies.sum()).backward()
        gradients.append([logprobs.detach(), *(p.grad.clone() for p in model.parameters())])

    for seen, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_published_names_are_those_of_the_checkpoint(tiny_model: Model, tied: bool) -> None:
    directory = tiny_model(tied=tied)

    names = weight_names(load_model(directory, dtype=torch.float32).lm)

    with safe_open(directory / "model.safetensors", framework="pt") as file:
        assert sorted(names) == sorted(file.keys())
    assert ("lm_head.weight" in names) is not tied


def test_a_missing_model_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no config.json there; give a Hugging Face causal-LM directory"):
        load_model(tmp_path / "nowhere", dtype=torch.float32)


def test_a_model_without_its_weights_is_refused(tiny_model: Model, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_model() / "config.json").read_bytes())

    with pytest.raises(UsageError, match="not a causal LM that can be loaded"):
        load_model(tmp_path, dtype=torch.float32)
