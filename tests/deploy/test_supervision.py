"""What happens to workers that die or are cut off; workers are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed
from sparring.core.types import PolicyVersion
from sparring.deploy import cluster as cluster_module
from sparring.deploy.cluster import Cluster


class Remote:
    def __init__(self, method: Callable[..., Any]) -> None:
        self.remote = method


class FakeWorker:
    """Ends each ``run`` as told, the last one well."""

    def __init__(self, *endings: BaseException) -> None:
        self.endings = list(endings)
        self.attached: list[list[int]] = []
        self.runs = 0
        self.attach, self.run = Remote(self._attach), Remote(self._run)

    async def _attach(self, replicas: dict[int, Any], verifiers: list[Any]) -> None:
        self.attached.append(sorted(replicas))

    async def _run(self) -> None:
        self.runs += 1
        if self.endings:
            raise self.endings.pop(0)


def a_task_error(cause: Exception) -> RayTaskError:
    return RayTaskError("run", "traceback", cause)


def a_cluster(worker: FakeWorker, released: list[str]) -> Cluster:
    async def release_owner(name: str) -> int:
        released.append(name)
        return 2

    return Cluster(
        config=RunConfig(),
        recipe=None,  # type: ignore[arg-type]
        parts=None,  # type: ignore[arg-type]
        store=SimpleNamespace(admission=SimpleNamespace(release_owner=release_owner)),  # type: ignore[arg-type]
        learner=None,  # type: ignore[arg-type]
        start=None,
        replicas={0: None, 4: None},
        verifiers=[],
        workers={"worker-0": worker},
        note=lambda text: None,
    )


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, bool]]:
    found: list[tuple[Any, bool]] = []
    monkeypatch.setattr(cluster_module.ray, "kill", lambda actor, no_restart: found.append((actor, no_restart)))
    return found


async def supervise(cluster: Cluster) -> None:
    await asyncio.gather(*cluster.keep_working(asyncio.Event()))


async def test_a_worker_that_died_is_told_the_replicas_of_now(killed: list[Any]) -> None:
    released: list[str] = []
    worker = FakeWorker(ActorDiedError())
    await supervise(a_cluster(worker, released))
    assert (worker.runs, released, killed) == (2, ["worker-0"], [])
    assert worker.attached[-1] == [0, 4]


@pytest.mark.parametrize(
    "cause",
    [ComponentFailed("redis", "timeout"), ExceptionGroup("plays", [ComponentFailed("redis", "timeout")])],
    ids=["between plays", "in plays"],
)
async def test_a_worker_that_lost_redis_is_replaced_and_its_leases_given_back(
    killed: list[Any], cause: Exception
) -> None:
    released: list[str] = []
    worker = FakeWorker(a_task_error(cause))
    await supervise(a_cluster(worker, released))
    assert (worker.runs, released, killed) == (2, ["worker-0"], [(worker, False)])


@pytest.mark.parametrize(
    "cause",
    [ValueError("a mistake"), ExceptionGroup("plays", [ComponentFailed("redis", "x"), ValueError("a mistake")])],
    ids=["between plays", "in plays"],
)
async def test_a_mistake_in_a_worker_ends_the_run(killed: list[Any], cause: Exception) -> None:
    worker = FakeWorker(a_task_error(cause))
    with pytest.raises(RayTaskError):
        await supervise(a_cluster(worker, []))
    assert (worker.runs, killed) == (1, [])


async def test_a_worker_is_replaced_a_limited_number_of_times(killed: list[Any]) -> None:
    worker = FakeWorker(*(a_task_error(ComponentFailed("redis", "gone")) for _ in range(9)))
    with pytest.raises(ComponentFailed, match="worker worker-0: died 4 times"):
        await supervise(a_cluster(worker, []))


class FakeReplica:
    """Answers as told; ``None``: never."""

    def __init__(self, answer: BaseException | bool | None = True) -> None:
        self.answer = answer
        self.wait_for_version, self.ping = Remote(self._answered), Remote(self._answered)

    async def _answered(self, *asked: object) -> bool:
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return bool(self.answer)


VERSION = PolicyVersion(policy="base", number=9)
RESTARTED = ActorUnavailableError("it is being restarted", b"0" * 16)


def serving(*replicas: FakeReplica, notes: list[str] | None = None) -> tuple[Cluster, FakeWorker]:
    worker = FakeWorker()
    cluster = a_cluster(worker, [])
    cluster.replicas = dict(enumerate(replicas))
    cluster.note = (notes if notes is not None else []).append
    cluster.config = RunConfig.model_validate({"publish": {"timeout_s": 0.1}, "cluster": {"start_s": 0.1}})
    return cluster, worker


async def test_a_replica_that_is_restarted_is_not_waited_for() -> None:
    cluster, worker = serving(FakeReplica(), FakeReplica(RESTARTED))
    await cluster.wait_for_version(VERSION)
    assert sorted(cluster.replicas) == [0, 1]
    assert worker.attached == []


async def test_a_replica_that_is_dead_for_good_is_named_and_gets_no_more_requests() -> None:
    notes: list[str] = []
    cluster, worker = serving(FakeReplica(), FakeReplica(ActorDiedError()), notes=notes)
    await cluster.wait_for_version(VERSION)
    assert sorted(cluster.replicas) == [0]
    assert worker.attached == [[0]]
    assert "replicas dead ranks=1 left=1" in notes[0]


async def test_no_replica_left_ends_the_run() -> None:
    cluster, _ = serving(FakeReplica(ActorDiedError()), FakeReplica(ActorDiedError()))
    with pytest.raises(ComponentFailed, match=r"all are dead.*rank 0, 1, past rollout.max_restarts 3"):
        await cluster.wait_for_version(VERSION)


async def test_replicas_that_die_between_two_versions_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "LOOK_S", 0.01)
    monkeypatch.setattr(cluster_module, "STATS_S", 0.05)
    dying, starting = FakeReplica(), FakeReplica(None)
    cluster, _ = serving(dying, starting, FakeReplica(RESTARTED))
    keeping = asyncio.create_task(cluster.keep_serving(asyncio.Event()))
    await asyncio.sleep(0.2)
    assert sorted(cluster.replicas) == [0, 1, 2]
    dying.answer = ActorDiedError()
    await asyncio.sleep(0.2)
    assert sorted(cluster.replicas) == [1, 2]
    for replica in cluster.replicas.values():
        replica.answer = ActorDiedError()
    async with asyncio.timeout(5):
        with pytest.raises(ComponentFailed, match="all are dead"):
            await keeping


async def test_a_replica_that_says_nothing_ends_the_run_with_its_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "SLACK_S", 0.1)
    cluster, _ = serving(FakeReplica(), FakeReplica(None))
    async with asyncio.timeout(5):
        with pytest.raises(ComponentFailed, match=r"replica rank 1: does not answer .*deadline 0.3 s"):
            await cluster.wait_for_version(VERSION)


async def test_a_replica_that_stays_behind_ends_the_run_with_its_rank() -> None:
    cluster, _ = serving(FakeReplica(), FakeReplica(False))
    with pytest.raises(ComponentFailed, match=r"replica rank 1: does not serve base@?.*deadline 0.1 s"):
        await cluster.wait_for_version(VERSION)
