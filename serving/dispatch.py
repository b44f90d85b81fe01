"""Requests of one process on their way to the replicas and back.

    ask ──► fresh ──(one tick, one RPC a replica)──► submit ──► replica ──► collect (long poll) ──► future

A replica that dies is restarted by Ray. What it had not answered is sent again, to any replica that lives; seeds travel
with the requests, so the answers are the same. Replicas may come and go: one that leaves gets no new requests and is
forgotten once it has answered what it was sent.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ray.exceptions import ActorDiedError, RayActorError

from sparring.core.errors import SamplingFailed
from sparring.core.wire import decode, encode
from sparring.serving.requests import Completion, SampleRequest

log = logging.getLogger(__name__)

# Requests made within this time share one RPC; a decode step takes several times as long.
COALESCE_S = 0.001
COLLECT_S = 10.0  # one long poll
REVIVE_S = 0.5  # between two looks whether a dead replica is back

_clients = itertools.count()


@dataclass(slots=True, eq=False)
class _Route:
    """One replica as this process sees it."""

    handle: Any
    rank: int
    client: str  # what the replica knows this process by
    load: int = 0  # samples sent and not answered
    alive: bool = True
    leaving: bool = False  # gets no new requests
    polling: asyncio.Task[None] | None = None


@dataclass(slots=True, eq=False)
class _Call:
    """One request until its last sample is in."""

    request: SampleRequest
    future: asyncio.Future[list[Completion]]
    route: _Route | None = None
    incarnation: str | None = None  # of the replica that has it; None until the replica said so
    completions: dict[int, Completion] = field(default_factory=dict)

    @property
    def num_left(self) -> int:
        return self.request.num_samples - len(self.completions)


class Dispatcher:
    """Sends requests to the least loaded replica and hands out what comes back."""

    def __init__(self, replicas: Sequence[Any] | Mapping[int, Any], *, timeout_s: float) -> None:
        if not replicas:
            raise ValueError("no replicas; expected at least one actor handle")
        self.client = _client()
        self._timeout_s = timeout_s
        handles = replicas if isinstance(replicas, Mapping) else dict(enumerate(replicas))
        self._routes = [_Route(handle=handle, rank=rank, client=_client()) for rank, handle in handles.items()]
        self._changed = asyncio.Event()  # a replica that leaves owes less
        self._calls: dict[str, _Call] = {}
        self._fresh: list[_Call] = []
        self._flush_due = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, request: SampleRequest) -> list[Completion]:
        """All samples of ``request``, in order.

        Raises:   SamplingFailed: not answered in time.
        """
        call = _Call(request=request, future=asyncio.get_running_loop().create_future())
        self._calls[request.request_id] = call
        self._send([call])
        try:
            return await asyncio.wait_for(call.future, self._timeout_s)
        except TimeoutError as error:
            rank = "no live replica" if call.route is None else f"replica {call.route.rank}"
            raise SamplingFailed(
                f"{rank} answered {len(call.completions)} of {request.num_samples} samples of {request.request_id} "
                f"(deadline {self._timeout_s:g} s); see the replica's log or raise rollout.request_timeout_s"
            ) from error
        finally:
            self._forget(call)

    def route(self, replicas: Mapping[int, Any]) -> None:
        """Send new requests to these replicas alone, each known by a number that is never used for another one."""
        if not replicas:
            raise ValueError("no replicas; expected at least one actor handle")
        known = {route.rank for route in self._routes}
        for route in self._routes:
            route.leaving = route.rank not in replicas
        fresh = {rank: handle for rank, handle in replicas.items() if rank not in known}
        self._routes += [_Route(handle=handle, rank=rank, client=_client()) for rank, handle in fresh.items()]
        self._forget_left()
        if self._fresh:
            self._flush()

    async def drained(self, timeout_s: float) -> bool:
        """Whether every replica that leaves has answered what it was sent, at most ``timeout_s`` from now."""
        try:
            async with asyncio.timeout(timeout_s):
                while any(route.leaving for route in self._routes):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End all background work; calls in flight are cancelled."""
        for call in list(self._calls.values()):
            call.future.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(self, calls: Sequence[_Call]) -> None:
        self._fresh += calls
        if self._fresh and not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_later(COALESCE_S, self._flush)

    def _flush(self) -> None:
        """Give everything fresh to replicas, one RPC each; without a live one it waits for ``_revive``."""
        self._flush_due = False
        live = [route for route in self._routes if route.alive and not route.leaving]
        if not live:
            return
        batches: dict[_Route, list[_Call]] = {}
        for call in self._fresh:
            if call.future.done():
                continue
            route = min(live, key=lambda route: route.load)
            call.route, call.incarnation = route, None
            route.load += call.num_left
            batches.setdefault(route, []).append(call)
        self._fresh = []
        for route, calls in batches.items():
            self._spawn(self._submit(route, calls))
            if route.polling is None:
                route.polling = self._spawn(self._poll(route))

    async def _submit(self, route: _Route, calls: list[_Call]) -> None:
        try:
            incarnation = await route.handle.submit.remote(route.client, encode([call.request for call in calls]))
        except RayActorError as error:
            self._lost(route, error)
            return
        except Exception as error:
            for call in calls:
                if not call.future.done():
                    call.future.set_exception(_refused(route, error))
            return
        for call in calls:
            if call.route is route:
                call.incarnation = incarnation

    async def _poll(self, route: _Route) -> None:
        """Consumes completions of one replica, waits for the next in a long poll. Ends when nothing is owed."""
        try:
            while route.alive and route.load > 0:
                incarnation, data = await route.handle.collect.remote(route.client, COLLECT_S)
                for completion in decode(data, list[Completion]):
                    self._resolve(completion)
                self._send_again(
                    [call for call in self._calls.values() if call.route is route and call.incarnation is not None
                     and call.incarnation != incarnation],
                )  # fmt: skip
        except RayActorError as error:
            self._lost(route, error)
        except Exception as error:
            for call in self._calls.values():
                if call.route is route and not call.future.done():
                    call.future.set_exception(_refused(route, error))
        finally:
            route.polling = None

    def _resolve(self, completion: Completion) -> None:
        call = self._calls.get(completion.request_id)
        if call is None or completion.index in call.completions:
            return  # given up, or answered before its replica died
        call.completions[completion.index] = completion
        if call.route is not None:
            self._relieve(call.route, 1)
        if not call.num_left and not call.future.done():
            call.future.set_result([call.completions[index] for index in range(call.request.num_samples)])

    def _lost(self, route: _Route, error: RayActorError) -> None:
        """A replica died: send what it owes to another one, and look out for its return."""
        if not route.alive:
            return
        route.alive = False
        owed = [call for call in self._calls.values() if call.route is route]
        log.warning("replica lost rank=%d requests=%d reason=%s", route.rank, len(owed), type(error).__name__)
        self._send_again(owed)
        self._forget_left()
        if not route.leaving:
            self._spawn(self._revive(route))

    def _send_again(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            if call.route is not None:
                self._relieve(call.route, call.num_left)
                call.route, call.incarnation = None, None
        self._send([call for call in calls if not call.future.done()])

    async def _revive(self, route: _Route) -> None:
        """Waits until Ray has restarted the replica, or it is to leave; Ray itself bounds how often.

        One that is being restarted is unavailable, and one that has died will not be restarted.
        """
        while True:
            await asyncio.sleep(REVIVE_S)
            if route not in self._routes:
                return
            try:
                await route.handle.ping.remote()
                break
            except ActorDiedError:
                log.error("replica dead for good rank=%d", route.rank)
                return
            except RayActorError:
                continue
        log.warning("replica back rank=%d", route.rank)
        # If it was only out of reach, a call of before may still wait there, and take what comes for the old name.
        route.alive, route.client = True, _client()
        self._send([])
        if self._fresh:
            self._flush()

    def _relieve(self, route: _Route, count: int) -> None:
        """``route`` owes ``count`` samples less."""
        route.load -= count
        if route.leaving:
            self._forget_left()

    def _forget_left(self) -> None:
        """Drop the replicas that leave and owe nothing."""
        self._routes = [route for route in self._routes if not route.leaving or (route.alive and route.load > 0)]
        self._changed.set()

    def _forget(self, call: _Call) -> None:
        """The call is answered or given up; tell its replica if there is more to come."""
        if self._calls.pop(call.request.request_id, None) is None:
            return
        if call.route is not None and call.num_left:
            self._relieve(call.route, call.num_left)
            self._spawn(self._abort(call.route, call.request.request_id))

    async def _abort(self, route: _Route, request_id: str) -> None:
        try:
            await route.handle.abort.remote([request_id])
        except RayActorError as error:
            self._lost(route, error)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _client() -> str:
    """A name that no process has used before."""
    return f"{socket.gethostname()}/{os.getpid()}/{next(_clients)}"


def _refused(route: _Route, error: Exception) -> SamplingFailed:
    return SamplingFailed(f"replica {route.rank} could not take the request: {type(error).__name__}: {error}")
