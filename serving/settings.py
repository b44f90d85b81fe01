"""What an engine is built with."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError

# A CPU decodes a token in milliseconds and computes 20 prompt tokens in one: what a step computes for new
# prompts beside decoding is bounded by this many tokens, or everyone else would wait for them.
CPU_PROMPT_TOKENS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """One engine's model and limits."""

    model: Path
    policy: str
    dtype: str
    max_model_len: int  # tokens of prompt and completion together
    max_num_seqs: int
    kv_cache_mib: int  # of each of the two engines where there are two
    enforce_eager: bool = True
    threads: int = 1
    gpus: float = 0.0
    tensor_parallel: int = 1

    @property
    def rolling(self) -> bool:
        """Whether a second engine takes over running samples one by one at a swap (docs/decisions/0001).

        Only on a CPU, where recomputing the running samples at once takes tens of decode steps. A GPU does that in
        one or two, and its memory is too dear for a second set of weights.
        """
        return self.gpus == 0

    @classmethod
    def of(cls, config: RunConfig) -> EngineSettings:
        """The settings of one replica of a run."""
        rollout, sampling = config.rollout, config.sampling
        wanted = sampling.max_prompt_tokens + sampling.max_response_tokens
        return cls(
            model=config.policy.model,
            policy=config.policy.name,
            dtype=config.policy.dtype,
            max_model_len=min(wanted, model_length(config.policy.model)),
            max_num_seqs=rollout.max_num_seqs,
            kv_cache_mib=rollout.kv_cache_mib,
            enforce_eager=rollout.enforce_eager,
            threads=rollout.threads,
            gpus=rollout.gpus,
            tensor_parallel=rollout.tensor_parallel,
        )


def model_length(model: Path) -> int:
    """Tokens that the model in this directory can attend to.

    Raises:   UsageError: there is no readable config.json.
    """
    try:
        return int(json.loads((model / "config.json").read_text())["max_position_embeddings"])
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"model directory {model}: {type(error).__name__}: {error}; expected a config.json with "
            "max_position_embeddings; set policy.model to a Hugging Face causal-LM directory"
        ) from error


def context_length(config: RunConfig) -> int:
    """Tokens of prompt and completion together that the engines behind the endpoint take."""
    shared = config.endpoint.hosting == "shared"
    answer = config.sampling.max_response_tokens if shared else config.endpoint.max_tokens
    return min(config.sampling.max_prompt_tokens + answer, model_length(config.policy.model))


def quiet_environment() -> None:
    """Keep vLLM off the network and off standard output, which is a command's own; before vLLM is imported."""
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    }.items():
        os.environ.setdefault(name, value)


def prepare_environment(settings: EngineSettings) -> None:
    """Set what vLLM reads from the environment; must come before vLLM is imported."""
    quiet_environment()
    # Steps are ours to make: a swap falls between two of them, never into one.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    if settings.gpus == 0:
        os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
        # Cores are chosen by rollout.affinity; vLLM would bind to all it sees.
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))


def engine_arguments(settings: EngineSettings) -> dict[str, Any]:
    """Arguments of ``vllm.EngineArgs``."""
    on_cpu: dict[str, Any] = {
        "enforce_eager": True,  # compiling is switched off (TORCHDYNAMO_DISABLE): it costs a CPU a minute
        "distributed_executor_backend": "uni",
        # A sampling seed breaks vLLM's chunked prefill on a CPU ("CPU Generator does not use offset").
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(settings.max_model_len, settings.max_num_seqs + CPU_PROMPT_TOKENS),
        # Its blocks are 128 tokens long: nothing to share between prompts that are shorter.
        "enable_prefix_caching": False,
    }
    return {
        "model": str(settings.model),
        "dtype": settings.dtype,
        "max_model_len": settings.max_model_len,
        "max_num_seqs": settings.max_num_seqs,
        "kv_cache_memory_bytes": settings.kv_cache_mib << 20,
        "enforce_eager": settings.enforce_eager,
        "tensor_parallel_size": settings.tensor_parallel,
        "async_scheduling": False,  # a token sampled ahead of a swap would be counted to the wrong version
        "skip_tokenizer_init": True,  # token in, token out
        "disable_log_stats": True,
        # Behaviour logprobs are those of the distribution sampled from: after temperature and top-p.
        "logprobs_mode": "processed_logprobs",
        "worker_extension_cls": "sparring.serving.transfer.WorkerExtension",
        **(on_cpu if settings.gpus == 0 else {}),
    }
