"""Replicas as real Ray actors behind a sampler: routing, following versions, dying and coming back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import ray
from ray.exceptions import RayActorError

from sparring.core.config import RunConfig
from sparring.core.errors import SamplingFailed
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest
from sparring.core.ports import Announcement
from sparring.core.recipe import Role
from sparring.core.types import PolicyVersion, Task
from sparring.serving.replica import Replica
from sparring.serving.sampler import Sampler

pytestmark = [
    pytest.mark.service,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore"),  # of Ray and vLLM, not of ours
]

SOLVER = Role(name="solver", policy="base")


class FileFeed:
    """A ``VersionFeed`` over one file, so that a test in another process can announce."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def announce(self, announcement: Announcement) -> None:
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(msgspec.json.encode(announcement))
        unfinished.rename(self._path)

    async def latest(self, policy: str) -> Announcement | None:
        return msgspec.json.decode(self._path.read_bytes(), type=Announcement) if self._path.exists() else None

    async def wait(self, policy: str, *, after: int, timeout_s: float) -> Announcement | None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            newest = await self.latest(policy)
            if newest is not None and newest.version.number > after:
                return newest
            await asyncio.sleep(0.02)
        return None


async def open_feed(path: Path) -> FileFeed:
    return FileFeed(path)


class ReplicaForTests(Replica):
    async def pid(self) -> int:
        return os.getpid()

    async def break_engine(self) -> None:
        self._hosted.order(lambda engine: engine.no_such_order())


def announced(directory: Path) -> Announcement:
    manifest = msgspec.json.decode((directory / MANIFEST).read_bytes(), type=Manifest)
    return Announcement(
        version=PolicyVersion(policy=manifest.policy, number=manifest.number),
        path=str(directory),
        sha256=manifest.sha256,
        step=manifest.number,
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    # Actors must be able to import this very module.
    paths = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=100 << 20,
        runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}},
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def feed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feed") / "feed.json"


@pytest.fixture(scope="module")
def replicas(cluster: None, tiny_config: RunConfig, feed_file: Path) -> list[Any]:
    actor = ray.remote(num_cpus=1, max_restarts=2, max_concurrency=100)(ReplicaForTests)
    handles = [actor.remote(tiny_config, rank=rank, feed=partial(open_feed, feed_file)) for rank in range(2)]
    ray.get([handle.ping.remote() for handle in handles], timeout=200)
    return handles


def sampler_of(config: RunConfig, replicas: list[Any]) -> Sampler:
    return Sampler(
        replicas, model=config.policy.model, sampling=config.sampling, rollout=config.rollout, seed=config.seed
    )


def a_task(number: int) -> Task:
    return Task(task_id=f"task-{number}", kind="addition", payload={})


async def ask(sampler: Sampler, number: int, *, num_samples: int = 2) -> list[Any]:
    prompt = f"{number} + {number} ="
    return await sampler(SOLVER, prompt, task=a_task(number), num_samples=num_samples)


async def pid_when_back(replica: Any, *, timeout_s: float) -> int:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return int(await replica.pid.remote())
        except RayActorError:
            assert time.monotonic() < deadline, "Ray did not restart the replica"
            await asyncio.sleep(0.5)


async def test_two_replicas_share_the_work_and_routing_changes_no_answer(
    replicas: list[Any], run_config: RunConfig
) -> None:
    both, one = sampler_of(run_config, replicas), sampler_of(run_config, replicas[:1])
    answers = await asyncio.gather(*(ask(both, number) for number in range(24)))
    rollouts = [rollout for answer in answers for rollout in answer]
    assert len({rollout.rollout_id for rollout in rollouts}) == 48
    assert all(rollout.task_id in rollout.rollout_id and rollout.policy == "base" for rollout in rollouts)
    sampled = [(await replica.stats.remote())["tokens/sampled"] for replica in replicas]
    assert min(sampled) > 0.25 * sum(sampled)
    again = await asyncio.gather(*(ask(one, number) for number in range(24)))
    assert [[r.completion_ids for r in a] for a in again] == [[r.completion_ids for r in a] for a in answers]
    greedy = await both.greedy()(SOLVER, "1 + 1 =", task=a_task(1), num_samples=2)
    assert greedy[0].completion_ids == greedy[1].completion_ids
    await both.close()
    await one.close()


async def test_a_replica_killed_in_the_middle_loses_no_request_and_answers_none_twice(
    replicas: list[Any], run_config: RunConfig
) -> None:
    sampler = sampler_of(run_config, replicas)
    before = await asyncio.gather(*(ask(sampler, number, num_samples=4) for number in range(30)))
    fresh = sampler_of(run_config, replicas)  # counts its calls from 0 again: the same seeds
    asking = [asyncio.ensure_future(ask(fresh, number, num_samples=4)) for number in range(30)]
    await asyncio.sleep(0.3)
    assert not all(each.done() for each in asking)
    killed = await replicas[0].pid.remote()
    os.kill(killed, signal.SIGKILL)
    answers = await asyncio.wait_for(asyncio.gather(*asking), 120)
    assert Counter(len(answer) for answer in answers) == {4: 30}
    assert [[r.completion_ids for r in a] for a in answers] == [[r.completion_ids for r in a] for a in before]
    assert await pid_when_back(replicas[0], timeout_s=120) != killed
    assert len(await ask(fresh, 99)) == 2
    await sampler.close()
    await fresh.close()


async def test_a_replica_whose_engine_broke_ends_and_is_started_again(
    replicas: list[Any], run_config: RunConfig
) -> None:
    before = await replicas[1].pid.remote()
    await replicas[1].break_engine.remote()
    deadline = time.monotonic() + 120
    while await pid_when_back(replicas[1], timeout_s=120) == before:
        assert time.monotonic() < deadline, "the process of a broken engine lives on"
        await asyncio.sleep(0.2)
    sampler = sampler_of(run_config, replicas[1:])
    assert len(await ask(sampler, 99)) == 2
    await sampler.close()


async def test_replicas_follow_new_versions_and_keep_the_last_good_one(
    replicas: list[Any], run_config: RunConfig, publish: Callable[..., Path], feed_file: Path
) -> None:
    feed, sampler = FileFeed(feed_file), sampler_of(run_config, replicas)
    running = [asyncio.ensure_future(ask(sampler, number, num_samples=4)) for number in range(16)]
    await asyncio.sleep(0.3)
    await feed.announce(announced(publish(1)))
    assert await asyncio.gather(*(replica.wait_for_version.remote(1, 30.0) for replica in replicas)) == [True, True]
    rollouts = [rollout for answer in await asyncio.gather(*running) for rollout in answer]
    assert len(rollouts) == 64  # nothing was lost over the swap
    assert {span.number for rollout in rollouts for span in rollout.version_spans} == {0, 1}
    damaged = publish(2)
    announcement = announced(damaged)
    data = bytearray((damaged / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (damaged / WEIGHTS).write_bytes(data)
    await feed.announce(announcement)
    assert not await replicas[0].wait_for_version.remote(2, 2.0)
    assert (await replicas[0].counts.remote())["refused"] == 1
    await feed.announce(announced(publish(3)))
    assert await replicas[0].wait_for_version.remote(3, 30.0)
    (after,) = await ask(sampler, 99, num_samples=1)
    assert {span.number for span in after.version_spans} <= {3}
    await sampler.close()


async def test_a_prompt_that_is_too_long_fails_its_play_alone(replicas: list[Any], run_config: RunConfig) -> None:
    sampler = sampler_of(run_config, replicas)
    with pytest.raises(SamplingFailed, match="has 300 tokens; expected 1 to 128"):
        await sampler(SOLVER, "x" * 300, task=a_task(0))
    assert len(await ask(sampler, 1)) == 2
    await sampler.close()
