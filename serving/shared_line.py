"""The rollout replicas' spare capacity as a host of the endpoint's queries: no engines of its own, a bounded share.

    begin ──► room among `share` of the replicas' sequences ──► Dispatcher ──► replica   (pinned to one version)
                                                                          ◄── peek, while a stream grows

Replicas hold the newest version alone, so no version can be asked by name, and a query of several prompts whose
replicas were at different versions is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.exceptions import RayActorError

from sparring.core.config import RunConfig
from sparring.core.errors import SamplingFailed, SparringError
from sparring.core.ports import Announcement, VersionFeed
from sparring.core.wire import decode
from sparring.serving.dispatch import Dispatcher
from sparring.serving.line import Answer
from sparring.serving.queries import HostState, Piece, Query, Refused, Steering, Taken
from sparring.serving.requests import Completion, Progress, SampleRequest
from sparring.serving.retained import numbered, peek_manifest

PEEK_S = 0.03  # between two looks at a stream
FOLLOW_S = 10.0
ATTEMPTS = 4  # for all prompts of a query to meet one version
REMEMBERED = 256  # hashes of versions

ONLY_NEWEST = (
    "the endpoint shares the rollout replicas, which hold the newest version alone; host it with hosting = own"
)


class Room:
    """So many sequences, and who waits for some of them, in turn."""

    def __init__(self, size: int) -> None:
        self.size, self._left = size, size
        self._freed = asyncio.Condition()

    async def take(self, amount: int) -> None:
        async with self._freed:
            await self._freed.wait_for(lambda: self._left >= amount)
            self._left -= amount

    async def free(self, amount: int) -> None:
        async with self._freed:
            self._left += amount
            self._freed.notify_all()


class SharedLine:
    """A ``Backend`` over rollout replicas (Ray actors)."""

    def __init__(
        self, replicas: Sequence[Any], *, config: RunConfig, feed: Callable[[], Awaitable[VersionFeed]]
    ) -> None:
        self._replicas, self._config, self._make_feed = list(replicas), config, feed
        self._dispatcher = Dispatcher(replicas, timeout_s=config.endpoint.request_timeout_s)
        self._room = Room(max(1, int(config.endpoint.share * config.rollout.max_num_seqs)) * len(self._replicas))
        self._newest: Announcement | None = None
        self._hashes: dict[int, str] = {}
        self._problem = ""
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._following: asyncio.Task[None] | None = None
        self._frees: set[asyncio.Task[None]] = set()

    async def begin(self, query: Query) -> Answer | Refused:
        if refusal := self._refusal(query):
            return refusal
        await self._follow()
        if self._newest is None:
            return Refused(status=503, reason="no version of the policy has been published yet; ask again soon")
        await self._room.take(query.num_samples)
        task = asyncio.create_task(self._ask(query))
        self._running[query.query_id] = task
        task.add_done_callback(lambda _: self._leave(query))
        if query.stream:
            return await self._begin_stream(query, task)
        completions = await task
        if not completions:
            return Refused(status=503, reason=f"versions changed in each of {ATTEMPTS} attempts; ask for fewer tokens")
        taken = await self._taken(completions[0].version_spans[0].number)
        return taken if isinstance(taken, Refused) else Answer(taken, _all(query, completions))

    def end(self, query: Query) -> None:
        task = self._running.get(query.query_id)
        if task is not None:
            task.cancel()  # the dispatcher has the replica forget it

    async def state(self) -> HostState:
        await self._follow()
        try:
            numbers = await asyncio.gather(*(replica.version.remote() for replica in self._replicas))
        except RayActorError as error:
            raise SamplingFailed(f"a rollout replica is being restarted ({type(error).__name__})") from error
        newest = self._newest.version.number if self._newest else None
        serving = min(numbers) if newest is not None else None
        return HostState(
            incarnation=self._dispatcher.client,
            serving=serving,
            newest=newest,
            retained=() if serving is None else tuple(sorted(set(numbers))),
            loaded=tuple(sorted(set(numbers))),
            running=len(self._running),
            refused=0,
            swaps=0,
            problem=self._problem,
        )

    async def steer(self, steering: Steering) -> None:
        self._problem = "" if steering == Steering() else f"rollback and canary have no effect: {ONLY_NEWEST}"

    def _refusal(self, query: Query) -> Refused | None:
        if query.version is not None:
            return Refused(status=404, reason=ONLY_NEWEST)
        if query.num_top:
            return Refused(status=400, reason=f"no logprobs but those of sampled tokens: {ONLY_NEWEST}")
        if query.stream and len(query.requests) > 1:
            return Refused(status=400, reason="a stream takes one prompt here: replicas may be at different versions")
        if query.num_samples > self._room.size:
            share = self._config.endpoint.share
            return Refused(
                status=400, reason=f"{query.num_samples} completions; endpoint.share = {share} is {self._room.size}"
            )
        return None

    async def _ask(self, query: Query) -> list[Completion]:
        """All completions, prompt after prompt; [] if they never were of one version."""
        for attempt in range(ATTEMPTS):
            asked = [_pinned(request, attempt) for request in query.requests]
            answers = await asyncio.gather(*(self._dispatcher.ask(request) for request in asked))
            completions = [completion for answer in answers for completion in answer]
            if len({span.number for each in completions for span in each.version_spans}) == 1:
                return completions
        return []

    async def _begin_stream(self, query: Query, task: asyncio.Task[list[Completion]]) -> Answer | Refused:
        """Wait for the first tokens: they say which version took the query."""
        growth = self._grow(query, task)
        first = await anext(growth)
        taken = await self._taken(first[0])
        return taken if isinstance(taken, Refused) else Answer(taken, _chained(first, growth))

    async def _grow(self, query: Query, task: asyncio.Task[list[Completion]]) -> AsyncIterator[tuple[int, list[Piece]]]:
        """Version and new pieces of the query's one prompt, each time that there are some."""
        [request] = query.requests
        told = [0] * request.num_samples
        while not task.done():
            await asyncio.wait([task], timeout=PEEK_S)
            pieces = [] if task.done() else [
                (each.number, _piece(query, each, told)) for each in await self._peek(_pinned(request, 0).request_id)
            ]  # fmt: skip
            if fresh := [piece for _, piece in pieces if piece.token_ids]:
                yield pieces[0][0], fresh
        completions = task.result()
        if not completions:
            raise SamplingFailed("the version changed while the stream grew; ask again")
        yield completions[0].version_spans[0].number, [_piece(query, each, told) for each in completions]

    async def _peek(self, request_id: str) -> list[Progress]:
        try:
            seen = await asyncio.gather(*(replica.peek.remote([request_id]) for replica in self._replicas))
        except RayActorError:
            return []  # the dispatcher asks another replica, which says the same: seeds travel with requests
        return [each for data in seen for each in decode(data, list[Progress])]

    async def _taken(self, number: int) -> Taken | Refused:
        """Which version answered, by its hash too."""
        if number not in self._hashes and self._newest is not None:
            directory = numbered(Path(self._newest.path).parent).get(number)
            manifest = peek_manifest(directory) if directory else None
            if manifest is not None:
                self._hashes[number] = manifest.sha256
        if number not in self._hashes:
            return Refused(status=503, reason=f"version {number} is forgotten already; raise publish.keep_versions")
        return Taken(number=number, sha256=self._hashes[number], route="newest")

    async def _follow(self) -> None:
        """Begin to follow the announcements, with the newest known."""
        if self._following is None:
            feed = await self._make_feed()
            self._learn(await feed.latest(self._config.policy.name))
            self._following = self._following or asyncio.create_task(self._listen(feed))

    async def _listen(self, feed: VersionFeed) -> None:
        """Consumes announcements, waits for the next newer one, unblocked by a publish. Produces known hashes."""
        while True:
            after = self._newest.version.number if self._newest else -1
            try:
                self._learn(await feed.wait(self._config.policy.name, after=after, timeout_s=FOLLOW_S))
            except SparringError as error:
                self._problem = str(error)
                await asyncio.sleep(1.0)

    def _learn(self, announcement: Announcement | None) -> None:
        if announcement is not None:
            self._newest = announcement
            self._hashes[announcement.version.number] = announcement.sha256
            for number in sorted(self._hashes)[:-REMEMBERED]:
                del self._hashes[number]

    def _leave(self, query: Query) -> None:
        del self._running[query.query_id]
        task = asyncio.ensure_future(self._room.free(query.num_samples))
        self._frees.add(task)
        task.add_done_callback(self._frees.discard)


def _pinned(request: SampleRequest, attempt: int) -> SampleRequest:
    return replace(request, request_id=f"{request.request_id}/{attempt}", pinned=True)


def _piece(query: Query, seen: Progress | Completion, told: list[int]) -> Piece:
    """What of one sample was not told yet."""
    begin, told[seen.index] = told[seen.index], len(seen.token_ids)
    return Piece(
        query_id=query.query_id,
        index=seen.index,
        token_ids=seen.token_ids[begin:],
        logprobs=seen.logprobs[begin:],
        top=(),
        finish_reason=seen.finish_reason if isinstance(seen, Completion) else None,
    )


async def _all(query: Query, completions: Sequence[Completion]) -> AsyncIterator[Piece]:
    told = [0] * len(completions)
    for index, completion in enumerate(completions):
        yield _piece(query, replace(completion, index=index), told)


async def _chained(
    first: tuple[int, list[Piece]], rest: AsyncIterator[tuple[int, list[Piece]]]
) -> AsyncIterator[Piece]:
    number, pieces = first
    for piece in pieces:
        yield piece
    async for later, pieces in rest:
        if later != number:  # its replica died, and the one that was asked again is at another version
            raise SamplingFailed(f"the replica with version {number} was lost; ask again")
        for piece in pieces:
            yield piece
