"""Versions to swap to, and what a forward pass says about tokens that they sampled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest, TensorInfo, sha256_of, version_directory
from sparring.core.types import PolicyVersion
from sparring.serving.requests import Completion, SampleRequest

NOISE = 0.02  # added to every weight: large enough that every logprob moves by far more than rounding
NAMES = {"torch.float32": "F32", "torch.bfloat16": "BF16", "torch.float16": "F16"}


def weights(source: tuple[Path, int]) -> dict[str, Any]:
    """The tensors of a model directory, plus noise of the given seed where it is not 0."""
    import torch
    from safetensors.torch import load_file

    model, seed = source
    noise = torch.Generator().manual_seed(seed)
    return {
        name: tensor + (NOISE if seed else 0.0) * torch.randn(tensor.shape, generator=noise)
        for path in sorted(model.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def write_version(source: tuple[Path, int], store: Path, *, policy: str, number: int) -> Path:
    """Publish ``source`` as version ``number``, in the layout of core/manifest.py."""
    from safetensors.torch import save_file

    directory = version_directory(store, PolicyVersion(policy=policy, number=number))
    directory.mkdir(parents=True)
    tensors = weights(source)
    save_file(tensors, directory / WEIGHTS)
    manifest = Manifest(
        policy=policy,
        number=number,
        sha256=sha256_of(directory / WEIGHTS),
        num_bytes=(directory / WEIGHTS).stat().st_size,
        tensors={
            name: TensorInfo(dtype=NAMES[str(tensor.dtype)], shape=tuple(tensor.shape))
            for name, tensor in tensors.items()
        },
    )
    (directory / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return directory


def logprob_error(
    model: Path, samples: Sequence[tuple[SampleRequest, Completion]], *, version: Callable[[int], tuple[Path, int]]
) -> float:
    """Largest difference between a behaviour logprob and a Hugging Face forward with the weights that sampled it."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    worst = 0.0
    for number in sorted({span.number for _, completion in samples for span in completion.version_spans}):
        network.load_state_dict(weights(version(number)), strict=False)
        for request, completion in samples:
            ids = [*request.prompt_ids, *completion.token_ids]
            with torch.no_grad():
                logprobs = network(torch.tensor([ids])).logits[0].log_softmax(-1)
            position = 0
            for span in completion.version_spans:
                here = range(position, position + span.num_tokens)
                position += span.num_tokens
                if span.number == number:
                    before = len(request.prompt_ids) - 1
                    worst = max(
                        worst,
                        *(
                            abs(float(logprobs[before + t, completion.token_ids[t]]) - completion.logprobs[t])
                            for t in here
                        ),
                    )
    return worst
