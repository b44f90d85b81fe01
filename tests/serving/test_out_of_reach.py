"""A replica that was out of reach and lives on: its client sends again what it has already. The engine is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from ray.exceptions import ActorUnavailableError

from sparring.core.config import RunConfig
from sparring.core.types import FinishReason, VersionSpan
from sparring.serving import dispatch
from sparring.serving.dispatch import Dispatcher
from sparring.serving.replica import Replica
from sparring.serving.requests import Completion, SampleRequest

# Seconds that sample 0 and sample 1 take: seeds travel with requests, so both sendings take as long.
LENGTHS = (0.05, 0.4)


class FakeEngine:
    """Samples take their time; ``deaf`` ones go on however often they are aborted."""

    def __init__(self, deliver: Callable[[list[Completion]], None], *, deaf: bool) -> None:
        self._deliver, self._deaf = deliver, deaf
        self.live: dict[asyncio.Task[None], str] = {}

    def check(self, request: SampleRequest | None = None) -> None:
        return None

    def order(self, order: Callable[[Any], None]) -> None:
        order(self)

    def add(self, request: SampleRequest) -> None:
        for index in range(request.num_samples):
            self.live[asyncio.ensure_future(self._sample(request, index))] = request.request_id

    def abort(self, request_ids: list[str]) -> None:
        for task, request_id in self.live.items():
            if request_id in request_ids and not self._deaf:
                task.cancel()

    async def _sample(self, request: SampleRequest, index: int) -> None:
        await asyncio.sleep(LENGTHS[index])
        self._deliver([completion(request, index)])


def completion(request: SampleRequest, index: int) -> Completion:
    return Completion(
        request_id=request.request_id,
        index=index,
        token_ids=(index,),
        logprobs=(-1.0,),
        version_spans=(VersionSpan(number=0, num_tokens=1),),
        finish_reason=FinishReason.STOP,
    )


class Method:
    def __init__(self, call: Callable[..., Any]) -> None:
        self.remote = call


class Handle:
    """Of a replica whose first long poll is cut off after ``cut_s``, while the replica goes on with it."""

    def __init__(self, replica: Replica, *, cut_s: float) -> None:
        self._replica, self._cut_s, self.cut = replica, cut_s, False
        self.lost: asyncio.Task[Any] | None = None
        self.submit, self.abort, self.ping = Method(replica.submit), Method(replica.abort), Method(replica.ping)
        self.collect = Method(self._collect)

    async def _collect(self, client: str, timeout_s: float) -> tuple[str, bytes]:
        if self.cut:
            return await self._replica.collect(client, timeout_s)
        self.cut = True
        self.lost = asyncio.ensure_future(self._replica.collect(client, timeout_s))
        await asyncio.sleep(self._cut_s)
        raise ActorUnavailableError("out of reach", b"0" * 16)


@pytest.mark.parametrize("deaf", [False, True], ids=["engine aborts", "both sendings are sampled"])
@pytest.mark.parametrize("cut_s", [0.01, 0.1], ids=["before a sample ended", "with a sample on its way"])
async def test_a_request_that_is_sent_again_to_the_same_replica_is_answered_whole(
    monkeypatch: pytest.MonkeyPatch, cut_s: float, deaf: bool
) -> None:
    monkeypatch.setattr(dispatch, "REVIVE_S", 0.01)
    replica = Replica(RunConfig(), rank=0, feed=None)
    engine = FakeEngine(replica._deliver, deaf=deaf)

    async def ready() -> None:
        return None

    monkeypatch.setattr(replica, "ready", ready)
    monkeypatch.setattr(replica, "_hosted", engine)
    monkeypatch.setattr(replica, "_engine", engine)
    handle = Handle(replica, cut_s=cut_s)
    dispatcher = Dispatcher([handle], timeout_s=3.0)
    request = SampleRequest(
        request_id="r", prompt_ids=(1,), num_samples=2, temperature=1.0, top_p=1.0, max_tokens=4, stop=(),
        stop_token_ids=(), seed=0,
    )  # fmt: skip
    answered = await dispatcher.ask(request)
    assert [each.index for each in answered] == [0, 1]
    assert handle.lost is not None
    assert replica._owners == {}
    await dispatcher.close()
    handle.lost.cancel()
    for task in engine.live:
        task.cancel()
    await asyncio.gather(handle.lost, *engine.live, return_exceptions=True)
