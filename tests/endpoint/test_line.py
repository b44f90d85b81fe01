"""The line to the engines' process: what it costs in calls, and that nobody's query is forgotten there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ray.exceptions import RayActorError

from sparring.core.errors import SamplingFailed
from sparring.core.types import FinishReason
from sparring.core.wire import decode, encode
from sparring.serving.line import Answer, Line
from sparring.serving.queries import Hearing, Piece, Query, Refused, Reply, Taken
from sparring.serving.requests import SampleRequest

TAKEN = Taken(number=4, sha256="a" * 64, route="newest")


@dataclass(frozen=True, slots=True)
class Method:
    """What an actor's handle has for a method."""

    remote: Callable[..., Awaitable[Any]]


class FakeHost:
    """Answers each query with one token; ``reply`` None: never."""

    def __init__(self, reply: Reply | RayActorError | None) -> None:
        self.reply, self.calls, self.forgotten = reply, [], []

    def __getattr__(self, name: str) -> Method:
        return Method(getattr(self, f"_{name}"))

    async def _answer(self, query: bytes) -> bytes:
        self.calls.append("answer")
        if self.reply is None:
            await asyncio.sleep(60)
        if isinstance(self.reply, RayActorError):
            raise self.reply
        pieces = (piece(decode(query, Query)),) if self.reply.taken else ()
        return encode(Reply(taken=self.reply.taken, refused=self.reply.refused, pieces=pieces))

    async def _ask(self, client: str, query: bytes) -> bytes:
        self.calls.append("ask")
        self.asked = decode(query, Query)
        return encode(self.reply)

    async def _hear(self, client: str, timeout_s: float) -> bytes:
        self.calls.append("hear")
        await asyncio.sleep(0.05 * (self.calls.count("hear") - 1))
        return encode(Hearing(incarnation="one", pieces=(piece(self.asked),)))

    async def _forget(self, query_ids: list[str]) -> None:
        self.forgotten += query_ids


def piece(query: Query) -> Piece:
    return Piece(query_id=query.query_id, index=0, token_ids=(7,), logprobs=(-0.5,), top=(),
                 finish_reason=FinishReason.STOP)  # fmt: skip


def a_query(*, stream: bool = False) -> Query:
    request = SampleRequest(request_id="q/0", prompt_ids=(1,), num_samples=1, temperature=0.0, top_p=1.0,
                            max_tokens=4, stop=(), stop_token_ids=(), seed=0)  # fmt: skip
    return Query(query_id="q", requests=(request,), version=None, num_top=0, stream=stream)


@pytest.mark.parametrize(("stream", "calls"), [(False, ["answer"]), (True, ["ask", "hear"])])
async def test_an_answer_in_one_piece_is_one_call_and_a_stream_is_heard(stream: bool, calls: list[str]) -> None:
    host = FakeHost(Reply(taken=TAKEN))
    line = Line(host)
    query = a_query(stream=stream)
    answer = await line.begin(query)
    assert isinstance(answer, Answer)
    assert answer.taken == TAKEN
    assert [got.token_ids async for got in answer.pieces] == [(7,)]
    line.end(query)
    await asyncio.sleep(0.01)
    assert list(dict.fromkeys(host.calls)) == calls  # it may have begun to listen once more
    assert host.forgotten == []  # it has ended there too


async def test_a_query_that_nobody_waits_for_is_forgotten_by_the_engines() -> None:
    host = FakeHost(None)
    line = Line(host)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await line.begin(a_query())
    line.end(a_query())  # the visit ends too: told once
    await asyncio.sleep(0.01)
    assert host.forgotten == ["q"]


async def test_a_refusal_is_handed_on_and_dead_engines_are_a_failure_to_sample() -> None:
    refused = Refused(status=404, reason="version 9 is not retained")
    assert await Line(FakeHost(Reply(refused=refused))).begin(a_query()) == refused
    with pytest.raises(SamplingFailed, match="being restarted"):
        await Line(FakeHost(RayActorError())).begin(a_query())
