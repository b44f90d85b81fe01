"""The number of rollout replicas of a running run, changed from outside.

    sparring scale ──► <run>/scale.json ──► Scaler (driver) ──► <run>/scaled.json ──► sparring scale

More: replicas start, pull the newest version, and only then take traffic. Fewer: the newest ones get no new requests,
finish what they owe, and end. Files, and not a port: whoever may write the run directory may scale, from any node.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any

import msgspec
import ray
from ray.exceptions import RayActorError, RayError

from sparring.core.errors import ComponentFailed, SparringError, UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.cluster import Cluster
from sparring.deploy.run_state import Phase, read_state, read_whole, write_whole

log = logging.getLogger(__name__)

LOOK_S = 0.5  # between two looks at a file
SLACK_S = 15.0  # an answer comes this long after the order's own deadline, or never
DRAIN_SHARE = 0.5  # of the deadline: what does not drain meanwhile is sent to other replicas


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """scale.json"""

    order_id: str
    rollouts: int
    timeout_s: float


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """scaled.json: what became of an order."""

    order_id: str
    done: bool
    rollouts: int  # that take traffic now
    message: str


def scale_rollouts(directory: RunDirectory, count: int, *, timeout_s: float) -> Answer:
    """Ask the driver of the run for ``count`` replicas and wait for its answer.

    Raises:   UsageError: no such run, or it does not run.
              ComponentFailed: nobody answered in time.
    """
    state = read_state(directory)
    if state is None or state.phase is not Phase.RUNNING:
        seen = "holds no run" if state is None else f"is {state.phase} after step {state.step}"
        raise UsageError(f"{directory.root} {seen}; expected a running one: start it, or take it up with --resume")
    order = Order(order_id=secrets.token_hex(8), rollouts=count, timeout_s=timeout_s)
    write_whole(directory.root / "scale.json", order)
    deadline = time.monotonic() + timeout_s + SLACK_S
    while time.monotonic() < deadline:
        answer = read_whole(directory.root / "scaled.json", Answer)
        if answer is not None and answer.order_id == order.order_id:
            return answer
        time.sleep(LOOK_S)
    raise ComponentFailed(
        "driver",
        f"did not answer for {directory.root}: is the run seeding, evaluating or killed? An order that is still there "
        "when it trains is followed",
        deadline_s=timeout_s + SLACK_S,
    )


class Scaler:
    """The driver's side: one order at a time, the newest."""

    def __init__(self, cluster: Cluster, directory: RunDirectory) -> None:
        self._cluster, self._directory = cluster, directory
        self._next_rank = max(cluster.replicas) + 1
        self._seen: str | None = None

    async def follow(self, halt: asyncio.Event) -> None:
        """Consumes orders, waits for the next, unblocked by a file. Produces answers. Ends with ``halt``."""
        while not halt.is_set():
            await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        try:
            order = read_whole(self._directory.root / "scale.json", Order)
        except UsageError as error:  # somebody's own handwriting; the run goes on
            log.warning("scale order not understood reason=%s", error)
            return
        if order is None or order.order_id == self._seen:
            return
        self._seen = order.order_id
        before = read_whole(self._directory.root / "scaled.json", Answer)
        if before is not None and before.order_id == order.order_id:
            return  # answered by the process that this one takes up
        done, message = await self._obey(order)
        count = len(self._cluster.replicas)
        self._cluster.note(f"scaled rollouts={count} wanted={order.rollouts} done={done} {message}")
        answer = Answer(order_id=order.order_id, done=done, rollouts=count, message=message)
        write_whole(self._directory.root / "scaled.json", answer)

    async def _obey(self, order: Order) -> tuple[bool, str]:
        if order.rollouts < 1:
            return False, f"{order.rollouts} replicas asked for; expected at least 1"
        try:
            missing = order.rollouts - len(self._cluster.replicas)
            if missing > 0:
                await self._grow(missing, timeout_s=order.timeout_s)
            elif missing < 0:
                await self._shrink(-missing, timeout_s=order.timeout_s)
        except (SparringError, RayError) as error:
            return False, str(error)
        return True, f"{len(self._cluster.replicas)} replicas take traffic"

    async def _grow(self, count: int, *, timeout_s: float) -> None:
        cluster = self._cluster
        ranks = range(self._next_rank, self._next_rank + count)
        self._next_rank += count
        fresh = cluster.parts.replicas(ranks)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(self._current(rank, replica, timeout_s) for rank, replica in fresh.items()))
                # From here on no round is admitted before they serve its version. Once more, for a version between.
                cluster.replicas |= fresh
                await asyncio.gather(*(self._current(rank, replica, timeout_s) for rank, replica in fresh.items()))
                await cluster.attach()
        except BaseException as error:
            cluster.replicas = {rank: actor for rank, actor in cluster.replicas.items() if rank not in fresh}
            _end(fresh)
            if isinstance(error, TimeoutError):
                problem = f"{count} more did not start; does the cluster have {_claim(cluster)} for each?"
                raise ComponentFailed("replica", problem, deadline_s=timeout_s) from error
            raise

    async def _current(self, rank: int, replica: Any, timeout_s: float) -> None:
        """Until ``replica`` samples with the newest published version, verified by hash."""
        newest = await self._cluster.store.versions.latest(self._cluster.config.policy.name)
        if newest is not None and not await replica.wait_for_version.remote(newest.version.number, timeout_s):
            raise ComponentFailed("replica", f"does not serve {newest.version}", rank=rank, deadline_s=timeout_s)

    async def _shrink(self, count: int, *, timeout_s: float) -> None:
        cluster = self._cluster
        leaving = dict(sorted(cluster.replicas.items())[-count:])
        cluster.replicas = {rank: actor for rank, actor in cluster.replicas.items() if rank not in leaving}
        await cluster.attach()
        calls = [worker.drained.remote(timeout_s * DRAIN_SHARE) for worker in cluster.workers.values()]
        results = await asyncio.gather(*calls, return_exceptions=True)
        if any(isinstance(result, BaseException) and not isinstance(result, RayActorError) for result in results):
            log.warning("draining failed results=%s", results)
        _end(leaving)


def _end(replicas: dict[int, Any]) -> None:
    for replica in replicas.values():
        ray.kill(replica)


def _claim(cluster: Cluster) -> str:
    claim = cluster.parts.topology["rollout"].claim
    return " and ".join(f"{amount:g} {name}" for name, amount in claim.items()) or "room"
