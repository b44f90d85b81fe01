"""One process's line to a host of engines.

begin ── answer ──► host ──► the whole answer
begin ── ask ──► host          host ── hear (one long poll for all streams) ──► the queue of each stream
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import AsyncIterator
from typing import Any, Protocol

from ray.exceptions import RayActorError

from sparring.core.errors import SamplingFailed
from sparring.core.wire import decode, encode
from sparring.serving.queries import Hearing, HostState, Piece, Query, Refused, Reply, Steering, Taken

HEAR_S = 10.0  # one long poll

_clients = itertools.count()


class Answer:
    """A query that was taken: by which version, and its pieces as they come."""

    def __init__(self, taken: Taken, pieces: AsyncIterator[Piece]) -> None:
        self.taken, self.pieces = taken, pieces


class Backend(Protocol):
    """Whatever answers the endpoint's queries."""

    async def begin(self, query: Query) -> Answer | Refused:
        """Give a query to a host. Its pieces must be read to the end, or ``end`` called.

        Raises:   SamplingFailed: the host died.
        """

    def end(self, query: Query) -> None:
        """Nobody waits for the query any more; safe to call twice."""

    async def state(self) -> HostState: ...

    async def steer(self, steering: Steering) -> None: ...


class Line:
    """A ``Backend``: the endpoint's own engines (``EndpointHost`` as a Ray actor)."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self._client = f"{socket.gethostname()}/{os.getpid()}/{next(_clients)}"
        self._queues: dict[str, asyncio.Queue[Piece | SamplingFailed]] = {}  # of streams
        self._asked: set[str] = set()  # queries that are to be answered in one piece
        self._incarnation = ""
        self._hearing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, query: Query) -> Answer | Refused:
        try:
            reply = await (self._ask(query) if query.stream else self._answer(query))
        except BaseException as error:
            self.end(query)
            if isinstance(error, RayActorError):
                raise _died(error) from error
            raise
        if reply.taken is None:
            self._queues.pop(query.query_id, None)
            return reply.refused or Refused(status=503, reason="the engines gave no reason")
        return Answer(reply.taken, self._pieces(query) if query.stream else _given(reply.pieces))

    def end(self, query: Query) -> None:
        if self._queues.pop(query.query_id, None) is not None or query.query_id in self._asked:
            self._asked.discard(query.query_id)
            self._spawn(self._forget(query.query_id))

    async def _answer(self, query: Query) -> Reply:
        self._asked.add(query.query_id)
        reply = decode(await self._host.answer.remote(encode(query)), Reply)
        self._asked.discard(query.query_id)
        return reply

    async def _ask(self, query: Query) -> Reply:
        self._queues[query.query_id] = asyncio.Queue()
        reply = decode(await self._host.ask.remote(self._client, encode(query)), Reply)
        if reply.taken is not None and self._hearing is None:
            self._hearing = self._spawn(self._hear())
        return reply

    async def state(self) -> HostState:
        try:
            return decode(await self._host.state.remote(), HostState)
        except RayActorError as error:
            raise _died(error) from error

    async def steer(self, steering: Steering) -> None:
        try:
            await self._host.steer.remote(encode(steering))
        except RayActorError as error:
            raise _died(error) from error

    async def _pieces(self, query: Query) -> AsyncIterator[Piece]:
        queue, num_left = self._queues[query.query_id], query.num_samples
        while num_left:
            piece = await queue.get()
            if isinstance(piece, SamplingFailed):
                raise piece
            num_left -= piece.finish_reason is not None
            yield piece
        self._queues.pop(query.query_id, None)

    async def _hear(self) -> None:
        """Consumes pieces, waits for the next in a long poll. Ends when no stream is open."""
        try:
            while self._queues:
                heard = decode(await self._host.hear.remote(self._client, HEAR_S), Hearing)
                if self._incarnation not in ("", heard.incarnation):
                    self._fail(SamplingFailed("the endpoint's engines were restarted; ask again"))
                self._incarnation = heard.incarnation
                for piece in heard.pieces:
                    if piece.query_id in self._queues:
                        self._queues[piece.query_id].put_nowait(piece)
        except RayActorError as error:
            self._fail(_died(error))
        except Exception as error:
            self._fail(SamplingFailed(f"the endpoint's engines failed: {type(error).__name__}: {error}"))
        finally:
            self._hearing = None

    def _fail(self, failure: SamplingFailed) -> None:
        for queue in self._queues.values():
            queue.put_nowait(failure)

    async def _forget(self, query_id: str) -> None:
        try:
            await self._host.forget.remote([query_id])
        except RayActorError:
            return  # it died, and its queries with it

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _given(pieces: tuple[Piece, ...]) -> AsyncIterator[Piece]:
    for piece in pieces:
        yield piece


def _died(error: RayActorError) -> SamplingFailed:
    return SamplingFailed(f"the endpoint's engines are not there ({type(error).__name__}); they are being restarted")
