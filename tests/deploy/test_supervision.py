"""What happens to workers that die or are cut off; workers are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayTaskError

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed
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
