"""One vLLM engine in this process, driven step by step below its text handling: tokens in, tokens out.

It talks to the engine core directly (``LLMEngine.engine_core``), which is the same scheduler, cache and model without
vLLM's per-token objects, texts and statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch

from sparring.core.errors import UsageError
from sparring.core.types import FinishReason
from sparring.serving.live import Decode, LiveSample
from sparring.serving.port import StagedWeights
from sparring.serving.settings import EngineSettings, engine_arguments, prepare_environment
from sparring.serving.transfer import BACKEND, forget, portions


class Tokens(NamedTuple):
    """What one sample got in a step."""

    key: str
    token_ids: list[int]
    logprobs: list[float]
    ended: str | None  # vLLM's reason, if it was the last: stop, length, ...
    top: list[tuple[tuple[int, float], ...]]  # for each token the most probable ones; () unless asked for


class Decoder:
    """Samples with weights of one version at a time."""

    def __init__(self, settings: EngineSettings, *, version: int) -> None:
        self.version = version
        self._keys: set[str] = set()
        self._num_top: dict[str, int] = {}  # of samples that want the most probable tokens beside their own
        self._engine = _build(settings)
        self._core = self._engine.engine_core
        self._engine.collective_rpc("init_weight_transfer_engine", args=({},))

    @property
    def is_empty(self) -> bool:
        """Whether no sample is in it."""
        return not self._keys

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(
        self,
        key: str,
        prompt_ids: Sequence[int],
        *,
        temperature: float,
        top_p: float,
        max_tokens: int,
        stop_token_ids: Sequence[int],
        seed: int,
        num_top: int = 0,
    ) -> None:
        """Begin one sample. Token ids must be in the vocabulary and fit the model's length."""
        from vllm import SamplingParams
        from vllm.v1.engine import EngineCoreRequest

        params = SamplingParams(
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop_token_ids=list(stop_token_ids),
            seed=seed if temperature > 0 else None,
            logprobs=num_top,  # beside that of the sampled token
            detokenize=False,
        )
        self._keys.add(key)
        if num_top:
            self._num_top[key] = num_top
        self._core.add_request(
            EngineCoreRequest(
                request_id=key,
                prompt_token_ids=list(prompt_ids),
                mm_features=None,
                sampling_params=params,
                pooling_params=None,
                arrival_time=0.0,
                lora_request=None,
                cache_salt=None,
                data_parallel_rank=None,
            )
        )

    def remove(self, keys: Sequence[str]) -> None:
        """Forget samples before their end."""
        known = [key for key in keys if key in self._keys]
        if not known:
            return
        self._keys.difference_update(known)
        for key in known:
            self._num_top.pop(key, None)
        self._core.abort_requests(known)

    def step(self) -> list[Tokens]:
        """Advance every scheduled sample by one token."""
        answers = []
        for output in self._core.get_output().outputs:
            if output.request_id not in self._keys:
                continue
            ended = None if output.finish_reason is None else str(output.finish_reason)
            logprobs = output.new_logprobs.logprobs[:, 0].tolist()
            top = _top(output.new_logprobs, self._num_top.get(output.request_id, 0))
            if ended is not None:
                self._keys.discard(output.request_id)
                self._num_top.pop(output.request_id, None)
            answers.append(Tokens(output.request_id, output.new_token_ids, logprobs, ended, top))
        return answers

    def grow(self, sample: LiveSample, tokens: Tokens, *, decode: Decode) -> FinishReason | None:
        """Give a sample its tokens; why it has ended, which may be a stop text that the engine does not know.

        Raises:   RuntimeError: vLLM gave it up; the engine can not be trusted any more.
        """
        sample.grow(tokens.token_ids, tokens.logprobs, version=self.version)
        if tokens.ended not in (None, FinishReason.STOP, FinishReason.LENGTH):
            raise RuntimeError(f"vLLM ended a sample with {tokens.ended!r}; expected stop or length")
        if tokens.ended != FinishReason.STOP and sample.stopped(decode):
            self.remove([tokens.key])
            return FinishReason.STOP
        return None if tokens.ended is None else FinishReason(tokens.ended)

    def flush(self) -> None:
        """Let the model's own batch forget samples that were removed."""
        self._core.get_output()

    def load(self, staged: StagedWeights) -> Iterator[None]:
        """Bring a version in, a portion an iteration; from the first one to the end no step may be made."""
        self._engine.collective_rpc("start_weight_update")
        for names in portions(staged):
            info = {"directory": str(staged.directory), "names": names}
            self._engine.collective_rpc("update_weights", args=(info,))
            yield
        self._engine.collective_rpc("finish_weight_update")
        self._engine.set_weight_version(str(staged.number))
        # Nothing is computed from cached keys and values of the version before.
        self._engine.reset_prefix_cache(reset_running_requests=True)
        self.version = staged.number
        forget(staged)

    def close(self) -> None:
        self._core.shutdown()


def _top(found: Any, num_top: int) -> list[tuple[tuple[int, float], ...]]:
    """The ``num_top`` most probable tokens at each position; the first column of ``found`` is the sampled one."""
    ids, logprobs = found.logprob_token_ids[:, 1 : num_top + 1], found.logprobs[:, 1 : num_top + 1]
    return [tuple(zip(*row, strict=True)) for row in zip(ids.tolist(), logprobs.tolist(), strict=True)]


def _build(settings: EngineSettings) -> Any:
    """A vLLM engine.

    Raises:   UsageError: vLLM refuses the settings.
    """
    prepare_environment(settings)
    from vllm import EngineArgs
    from vllm.config import WeightTransferConfig
    from vllm.model_executor.layers import rotary_embedding
    from vllm.v1.engine.llm_engine import LLMEngine

    arguments = engine_arguments(settings)
    if settings.gpus == 0:
        torch.set_num_threads(settings.threads)  # has no effect any more once vLLM has started
    # vLLM shares rotary embeddings between all models of a process. A reload takes them apart for a while, and the
    # other decoder must be able to compute meanwhile.
    rotary_embedding._ROPE_DICT.clear()
    try:
        engine = LLMEngine.from_engine_args(
            EngineArgs(**arguments, weight_transfer_config=WeightTransferConfig(backend=BACKEND))
        )
    except ValueError as error:
        raise UsageError(
            f"vLLM refuses the engine for {settings.model}: {error}; see [rollout] and [policy]"
        ) from error
    return engine
