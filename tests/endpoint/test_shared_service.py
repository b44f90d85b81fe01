"""Shared hosting on real rollout replicas: rollouts and queries side by side while versions change."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from served import MODEL, ROOT

from sparring.core.config import RunConfig
from sparring.core.types import PolicyVersion
from sparring.deploy.serve import directory_feed
from sparring.serving.bench_twin import weights
from sparring.serving.dispatch import Dispatcher
from sparring.serving.line import Answer
from sparring.serving.queries import Query
from sparring.serving.replica import Replica
from sparring.serving.requests import SampleRequest
from sparring.serving.shared_line import SharedLine

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),  # of Ray and vLLM, not of ours
]


def publish(store: Path, number: int) -> str:
    from sparring.learner.publish import publish as write

    version = PolicyVersion(policy="base", number=number)
    return write(weights((MODEL, number)), version, store, step=number, keep_versions=100).announcement.sha256


def a_request(name: str, *, max_tokens: int) -> SampleRequest:
    return SampleRequest(request_id=name, prompt_ids=tuple(range(20, 40)), num_samples=2, temperature=1.0, top_p=1.0,
                         max_tokens=max_tokens, stop=(), stop_token_ids=(), seed=5)  # fmt: skip


def test_queries_keep_to_one_published_version_while_rollouts_move_on(tmp_path: Path) -> None:
    config = RunConfig.model_validate(
        {
            "policy": {"model": MODEL, "dtype": "float32"},
            "sampling": {"max_prompt_tokens": 64, "max_response_tokens": 192},
            "rollout": {"max_num_seqs": 32, "kv_cache_mib": 64, "enforce_eager": True, "request_timeout_s": 300.0},
            "endpoint": {"hosting": "shared", "share": 0.25, "request_timeout_s": 300.0},
        }
    )
    hashes = {0: publish(tmp_path / "store", 0)}
    feed = partial(directory_feed, tmp_path / "store" / "base", tmp_path / "policy")
    variables = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error",
             runtime_env={"env_vars": variables})  # fmt: skip
    try:
        actor = ray.remote(num_cpus=1, max_concurrency=100)(Replica)
        replica = actor.remote(config, rank=0, feed=feed)
        ray.get(replica.ready.remote(), timeout=600)
        asyncio.run(side_by_side(replica, config, feed, tmp_path / "store", hashes))
    finally:
        ray.shutdown()


async def side_by_side(replica: Any, config: RunConfig, feed: Any, store: Path, hashes: dict[int, str]) -> None:
    line = SharedLine([replica], config=config, feed=feed)
    rollouts = Dispatcher([replica], timeout_s=300)
    long = [asyncio.create_task(rollouts.ask(a_request(f"rollout{index}", max_tokens=190))) for index in range(6)]
    seen: list[int] = []
    for number in range(1, 6):
        hashes[number] = await asyncio.to_thread(publish, store, number)
        for stream in (False, True):
            query = Query(query_id=f"{number}{stream}", requests=(a_request(f"{number}{stream}", max_tokens=40),),
                          version=None, num_top=0, stream=stream)  # fmt: skip
            answer = await line.begin(query)
            assert isinstance(answer, Answer), answer
            assert answer.taken.sha256 == hashes[answer.taken.number]
            tokens = [0, 0]
            async for piece in answer.pieces:
                tokens[piece.index] += len(piece.token_ids)
            assert tokens == [40, 40]
            seen.append(answer.taken.number)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    completions = [each for answer in await asyncio.gather(*long) for each in answer]
    assert any(len(each.version_spans) > 1 for each in completions)  # rollouts were not held back
    await rollouts.close()
