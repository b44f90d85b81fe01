"""Orders to a running run and what becomes of them; replicas and workers are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from typer.testing import CliRunner

from sparring.core.config import RunConfig
from sparring.core.errors import ComponentFailed, UsageError
from sparring.core.ports import Announcement
from sparring.core.rundir import RunDirectory
from sparring.core.types import PolicyVersion
from sparring.deploy import scaling
from sparring.deploy.cli import app
from sparring.deploy.records import Ending
from sparring.deploy.run_state import mark_running, marked, read_whole, write_whole
from sparring.deploy.scaling import Answer, Order, Scaler, scale_rollouts
from sparring.deploy.topology import Node, topology


class Remote:
    def __init__(self, method: Callable[..., Any]) -> None:
        self.remote = method


class FakeReplica:
    """Serves versions up to ``serves``."""

    def __init__(self, *, serves: int = 99, starts: bool = True) -> None:
        self.serves, self.starts = serves, starts
        self.asked: list[int] = []
        self.wait_for_version = Remote(self._wait_for_version)

    async def _wait_for_version(self, number: int, timeout_s: float) -> bool:
        self.asked.append(number)
        if not self.starts:
            await asyncio.sleep(60)
        return number <= self.serves


class FakeCluster:
    """What ``Scaler`` uses of a cluster; remembers in ``events`` who was told what, and when."""

    def __init__(self, *fresh: FakeReplica, replicas: int = 1, version: int = 3) -> None:
        self.config = RunConfig()
        self.events: list[str] = []
        self.replicas: dict[int, Any] = {rank: FakeReplica() for rank in range(replicas)}
        self.fresh, self.version = list(fresh), version
        plain = topology(self.config, [Node(address="n", resources={"CPU": 8})])
        self.parts = SimpleNamespace(replicas=self._make, topology=plain)
        self.store = SimpleNamespace(versions=SimpleNamespace(latest=self._latest))
        self.workers = {"worker-0": SimpleNamespace(drained=Remote(self._drained))}
        self.drain: Exception | bool = True

    def _make(self, ranks: range) -> dict[int, Any]:
        return {rank: self.fresh.pop(0) for rank in ranks}

    async def _latest(self, policy: str) -> Announcement:
        version = PolicyVersion(policy=policy, number=self.version)
        return Announcement(version=version, path="p", sha256="0", step=self.version)

    async def attach(self) -> None:
        self.events.append(f"attached {sorted(self.replicas)}")

    async def _drained(self, timeout_s: float) -> bool:
        self.events.append("drained")
        if isinstance(self.drain, Exception):
            raise self.drain
        return self.drain

    def note(self, text: str) -> None:
        self.events.append(text)


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(scaling.ray, "kill", found.append)
    monkeypatch.setattr(scaling, "LOOK_S", 0.01)
    return found


async def obey(cluster: FakeCluster, directory: RunDirectory, rollouts: int, *, timeout_s: float = 5.0) -> Answer:
    halt = asyncio.Event()
    following = asyncio.create_task(Scaler(cluster, directory).follow(halt))  # type: ignore[arg-type]
    answer = await asyncio.to_thread(scale_rollouts, directory, rollouts, timeout_s=timeout_s)
    halt.set()
    await following
    return answer


async def test_new_replicas_take_traffic_only_once_they_serve_the_newest_version(
    directory: RunDirectory, killed: list[Any]
) -> None:
    mark_running(directory)
    fresh = [FakeReplica(), FakeReplica()]
    cluster = FakeCluster(*fresh, version=3)
    answer = await obey(cluster, directory, 3)
    assert (answer.done, answer.rollouts) == (True, 3)
    assert cluster.events[0] == "attached [0, 1, 2]"
    # Before they count as replicas of the run, and once more after it.
    assert [each.asked for each in fresh] == [[3, 3], [3, 3]]
    assert killed == []


async def test_a_new_replica_that_refuses_the_newest_version_never_takes_traffic(
    directory: RunDirectory, killed: list[Any]
) -> None:
    mark_running(directory)
    stale = FakeReplica(serves=2)
    cluster = FakeCluster(stale, version=3)
    answer = await obey(cluster, directory, 2)
    assert (answer.done, answer.rollouts) == (False, 1)
    assert "replica rank 1: does not serve" in answer.message
    assert not any("attached" in event for event in cluster.events)
    assert killed == [stale]


async def test_a_replica_for_which_the_cluster_has_no_room_is_given_up(
    directory: RunDirectory, killed: list[Any]
) -> None:
    mark_running(directory)
    pending = FakeReplica(starts=False)
    cluster = FakeCluster(pending)
    answer = await obey(cluster, directory, 2, timeout_s=0.1)
    assert (answer.done, answer.rollouts) == (False, 1)
    assert "1 more did not start; does the cluster have 1 CPU for each?" in answer.message
    assert killed == [pending]


async def test_the_newest_replicas_leave_first_and_end_only_when_drained(
    directory: RunDirectory, killed: list[Any]
) -> None:
    mark_running(directory)
    cluster = FakeCluster(replicas=3)
    leaving = [cluster.replicas[1], cluster.replicas[2]]
    answer = await obey(cluster, directory, 1)
    assert (answer.done, answer.rollouts) == (True, 1)
    assert cluster.events[:2] == ["attached [0]", "drained"]
    assert killed == leaving


async def test_a_dead_worker_owes_nothing_to_a_leaving_replica(directory: RunDirectory, killed: list[Any]) -> None:
    mark_running(directory)
    cluster = FakeCluster(replicas=2)
    cluster.drain = ActorDiedError()
    assert (await obey(cluster, directory, 1)).done
    assert len(killed) == 1


async def test_ranks_are_never_used_again(directory: RunDirectory, killed: list[Any]) -> None:
    mark_running(directory)
    cluster = FakeCluster(FakeReplica(), FakeReplica())
    halt = asyncio.Event()
    following = asyncio.create_task(Scaler(cluster, directory).follow(halt))  # type: ignore[arg-type]
    for rollouts in (2, 1, 2):
        assert (await asyncio.to_thread(scale_rollouts, directory, rollouts, timeout_s=5)).done
    assert sorted(cluster.replicas) == [0, 2]
    halt.set()
    await following


async def test_an_order_is_followed_once_even_by_the_process_that_takes_the_run_up(
    directory: RunDirectory, killed: list[Any]
) -> None:
    write_whole(directory.root / "scale.json", Order(order_id="one", rollouts=2, timeout_s=5.0))
    answered = Answer(order_id="one", done=True, rollouts=2, message="")
    write_whole(directory.root / "scaled.json", answered)
    cluster, halt = FakeCluster(), asyncio.Event()
    following = asyncio.create_task(Scaler(cluster, directory).follow(halt))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    halt.set()
    await following
    assert (sorted(cluster.replicas), cluster.events) == ([0], [])


async def test_an_order_that_is_no_order_leaves_the_run_alone(directory: RunDirectory, killed: list[Any]) -> None:
    (directory.root / "scale.json").write_text('{"rollouts": "many"}')
    cluster, halt = FakeCluster(), asyncio.Event()
    following = asyncio.create_task(Scaler(cluster, directory).follow(halt))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    halt.set()
    await following
    assert read_whole(directory.root / "scaled.json", Answer) is None


def test_only_a_running_run_can_be_scaled(directory: RunDirectory) -> None:
    with pytest.raises(UsageError, match="holds no run; expected a running one"):
        scale_rollouts(directory, 2, timeout_s=1)
    with marked(directory) as endings:
        mark_running(directory)
        endings.append(Ending(step=0, interrupted=True, lines=[]))
    with pytest.raises(UsageError, match="is stopped after step 0"):
        scale_rollouts(directory, 2, timeout_s=1)


def test_a_driver_that_does_not_answer_is_named_with_the_deadline(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "SLACK_S", 0.05)
    monkeypatch.setattr(scaling, "LOOK_S", 0.01)
    mark_running(directory)
    with pytest.raises(ComponentFailed, match=r"driver: did not answer .*deadline 0\.1 s"):
        scale_rollouts(directory, 2, timeout_s=0.05)


def test_the_command_refuses_fewer_than_one_replica(directory: RunDirectory) -> None:
    assert CliRunner().invoke(app, ["scale", "rollouts", "0", "--run", str(directory.root)]).exit_code == 2
