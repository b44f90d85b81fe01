"""Where should the engine live? The same requests through vLLM's AsyncLLM and through our stepped engine, in one run.

AsyncLLM keeps engine and worker in processes of their own and talks to them over sockets; the stepped engine is this
process (docs/decisions/0001). Both load the same model with the same arguments and answer the same seeded requests.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import psutil

from sparring.serving.requests import SampleRequest
from sparring.serving.settings import EngineSettings, engine_arguments, model_length, prepare_environment
from sparring.serving.tokenizer import load_tokenizer

NUM_PROMPT, NUM_ANSWER, NUM_REQUESTS = 60, 40, 512  # tokens, tokens, requests: a few rounds of the quickstart


def bench_hosting(model: Path, *, concurrency: int) -> dict[str, float]:
    """Tokens per second, seconds until ready and resident MiB of both hostings, and the ratio of their speeds."""
    tokenizer = load_tokenizer(model)
    settings = EngineSettings(
        model=model,
        policy="bench",
        dtype="float32",
        max_model_len=min(256, model_length(model)),
        max_num_seqs=concurrency,
        kv_cache_mib=64,
    )
    rng = Random("bench/hosting")
    prompts = [[rng.randrange(len(tokenizer)) for _ in range(NUM_PROMPT)] for _ in range(NUM_REQUESTS)]
    prepare_environment(settings)
    hosted = asyncio.run(_async_llm(settings, prompts, concurrency=concurrency))
    stepped = _stepped(settings, tokenizer, prompts)
    return {
        **{f"stepped_{name}": value for name, value in stepped.items()},
        **{f"async_llm_{name}": value for name, value in hosted.items()},
        "speed_ratio": stepped["tokens_per_s"] / hosted["tokens_per_s"],
        "concurrency": float(concurrency),
    }


def _stepped(settings: EngineSettings, tokenizer: Any, prompts: list[list[int]]) -> dict[str, float]:
    from sparring.serving.engine import SteppedEngine

    began = perf_counter()
    engine = SteppedEngine(settings, tokenizer=tokenizer)
    ready = perf_counter()
    for number, prompt in enumerate(prompts):
        engine.add(_request(number, prompt))
    num_tokens = 0
    while engine.has_work:
        num_tokens += sum(len(completion.token_ids) for completion in engine.step())
    rate = num_tokens / (perf_counter() - ready)
    engine.close()
    return {"ready_s": ready - began, "tokens_per_s": rate, "memory_mib": _resident_mib()}


async def _async_llm(settings: EngineSettings, prompts: list[list[int]], *, concurrency: int) -> dict[str, float]:
    from vllm import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    began = perf_counter()
    arguments = {**engine_arguments(settings), "distributed_executor_backend": "mp"}
    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
    ready = perf_counter()
    slots = asyncio.Semaphore(concurrency)

    async def answer(number: int, prompt: list[int]) -> int:
        async with slots:
            return await _last_length(engine, number, prompt)

    num_tokens = sum(await asyncio.gather(*(answer(number, prompt) for number, prompt in enumerate(prompts))))
    rate, memory = num_tokens / (perf_counter() - ready), _resident_mib()
    engine.shutdown()
    return {"ready_s": ready - began, "tokens_per_s": rate, "memory_mib": memory}


async def _last_length(engine: Any, number: int, prompt: list[int]) -> int:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    params = SamplingParams(
        max_tokens=NUM_ANSWER,
        ignore_eos=True,
        logprobs=0,
        seed=number,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
    length = 0
    async for output in engine.generate({"prompt_token_ids": prompt}, params, str(number)):
        length = len(output.outputs[0].token_ids)
    return length


def _request(number: int, prompt: list[int]) -> SampleRequest:
    return SampleRequest(
        request_id=str(number),
        prompt_ids=tuple(prompt),
        num_samples=1,
        temperature=1.0,
        top_p=1.0,
        max_tokens=NUM_ANSWER,
        stop=(),
        stop_token_ids=(),
        seed=number,
    )


def _resident_mib() -> float:
    own = psutil.Process()
    return sum(process.memory_info().rss for process in [own, *own.children(recursive=True)]) / (1 << 20)
