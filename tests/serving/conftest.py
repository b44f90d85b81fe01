"""A tiny random policy, versions of it, and what a forward pass says about them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sparring.core.config import RunConfig
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest, TensorInfo, sha256_of
from sparring.core.types import VersionSpan

os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")

CHARACTERS = [*map(chr, range(32, 127)), "\n"]
SPECIAL = ["<pad>", "<s>", "</s>"]
MAX_LENGTH = 256


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of two layers over single characters, with random weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    path = tmp_path_factory.mktemp("model")
    vocabulary = {token: index for index, token in enumerate(SPECIAL + CHARACTERS)}
    characters = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    characters.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(
        tokenizer_object=characters, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(path)
    torch.manual_seed(0)
    Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(vocabulary),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=MAX_LENGTH,
            tie_word_embeddings=True,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def tiny_config(tiny_model: Path) -> RunConfig:
    return RunConfig.model_validate(
        {
            "seed": 7,
            "policy": {"model": tiny_model, "dtype": "float32"},
            "sampling": {"max_prompt_tokens": 128, "max_response_tokens": 128},
            "rollout": {"max_num_seqs": 64, "kv_cache_mib": 32, "enforce_eager": True, "request_timeout_s": 60.0},
        }
    )


@pytest.fixture
def run_config(tiny_config: RunConfig) -> RunConfig:
    return tiny_config


Publish = Callable[..., Path]


@pytest.fixture
def publish(tiny_model: Path, tmp_path: Path) -> Publish:
    """``publish(number)`` writes a version whose weights are the model's plus noise of its own."""

    def write(number: int, *, change: Callable[[dict[str, Any]], None] | None = None, policy: str = "base") -> Path:
        import torch
        from safetensors.torch import load_file, save_file

        noise = torch.Generator().manual_seed(number)
        tensors = {
            name: tensor + 0.05 * torch.randn(tensor.shape, generator=noise)
            for name, tensor in load_file(tiny_model / "model.safetensors").items()
        }
        if change is not None:
            change(tensors)
        directory = tmp_path / policy / f"v{number:08d}"
        directory.mkdir(parents=True)
        save_file(tensors, directory / WEIGHTS)
        manifest = Manifest(
            policy=policy,
            number=number,
            sha256=sha256_of(directory / WEIGHTS),
            num_bytes=(directory / WEIGHTS).stat().st_size,
            tensors={name: TensorInfo(dtype="F32", shape=tuple(tensor.shape)) for name, tensor in tensors.items()},
        )
        (directory / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return directory

    return write


@pytest.fixture
def expected_logprobs(tiny_model: Path) -> Callable[..., list[float]]:
    """``forward_logprobs`` of the tiny model."""
    return partial(forward_logprobs, tiny_model)


def forward_logprobs(
    model: Path,
    directories: Mapping[int, Path],
    *,
    prompt_ids: Sequence[int],
    token_ids: Sequence[int],
    version_spans: Sequence[VersionSpan],
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> list[float]:
    """Slow twin: a Hugging Face forward over the whole text for each version, tokens taken from their version's."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    answers: list[float] = []
    for span in version_spans:
        if span.number:
            network.load_state_dict(load_file(directories[span.number] / WEIGHTS), strict=False)
        with torch.no_grad():
            logits = network(torch.tensor([[*prompt_ids, *token_ids]])).logits[0, len(prompt_ids) - 1 : -1]
        logprobs = _processed(logits / temperature, top_p)
        here = range(len(answers), len(answers) + span.num_tokens)
        answers += [float(logprobs[position, token_ids[position]]) for position in here]
    return answers


def _processed(logits: Any, top_p: float) -> Any:
    """Logprobs after top-p: tokens outside the smallest set whose probability reaches it are impossible."""
    probabilities = logits.softmax(-1)
    ordered, order = probabilities.sort(-1, descending=True)
    outside = ordered.cumsum(-1) - ordered >= top_p
    kept = probabilities.masked_fill(outside.scatter(-1, order, outside), 0.0)
    return (kept / kept.sum(-1, keepdim=True)).log()
