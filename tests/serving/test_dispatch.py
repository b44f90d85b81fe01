"""How requests are bundled, routed and sent again; replicas are fakes that answer when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError

from sparring.core.errors import SamplingFailed
from sparring.core.types import FinishReason, VersionSpan
from sparring.core.wire import decode, encode
from sparring.serving import dispatch
from sparring.serving.dispatch import Dispatcher
from sparring.serving.requests import Completion, SampleRequest


class Remote:
    """``method.remote(...)`` as Ray has it."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.remote = method


class FakeReplica:
    """Answers everything at once, unless it is silent or dead."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent, self.dead, self.incarnation = silent, False, "first"
        self.for_good, self.pings = False, 0
        self.batches: list[list[str]] = []
        self.aborted: list[str] = []
        self._ended: list[Completion] = []
        self._filled = asyncio.Event()
        for name in ("submit", "collect", "abort", "ping"):
            setattr(self, name, Remote(getattr(self, f"_{name}")))

    async def _submit(self, client: str, data: bytes) -> str:
        self._live()
        requests = decode(data, list[SampleRequest])
        self.batches.append([request.request_id for request in requests])
        if not self.silent:
            self._ended += [answer(request, index) for request in requests for index in range(request.num_samples)]
            self._filled.set()
        return self.incarnation

    async def _collect(self, client: str, timeout_s: float) -> tuple[str, bytes]:
        self._live()
        await self._filled.wait()
        self._live()
        self._filled.clear()
        ended, self._ended = self._ended, []
        return self.incarnation, encode(ended)

    async def _abort(self, request_ids: list[str]) -> None:
        self.aborted += request_ids

    async def _ping(self) -> str:
        self.pings += 1
        self._live()
        return self.incarnation

    def answer_late(self, request: SampleRequest) -> None:
        self._ended += [answer(request, index) for index in range(request.num_samples)]
        self._filled.set()

    def die(self) -> None:
        self.dead = True
        self._filled.set()

    def come_back(self) -> None:
        """As Ray restarts an actor: another process that knows nothing."""
        self.dead, self.silent, self.incarnation, self._ended = False, False, "second", []
        self._filled.clear()

    def restart_unnoticed(self) -> None:
        self.come_back()
        self._filled.set()

    def _live(self) -> None:
        if self.dead:
            raise ActorDiedError if self.for_good else ActorUnavailableError("it is being restarted", b"0" * 16)


def a_request(name: str, *, num_samples: int = 1) -> SampleRequest:
    return SampleRequest(
        request_id=name,
        prompt_ids=(1,),
        num_samples=num_samples,
        temperature=1.0,
        top_p=1.0,
        max_tokens=4,
        stop=(),
        stop_token_ids=(),
        seed=0,
    )


def answer(request: SampleRequest, index: int) -> Completion:
    return Completion(
        request_id=request.request_id,
        index=index,
        token_ids=(index,),
        logprobs=(-1.0,),
        version_spans=(VersionSpan(number=0, num_tokens=1),),
        finish_reason=FinishReason.STOP,
    )


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "REVIVE_S", 0.01)


async def until(condition):
    """Let everything else go on until ``condition`` holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_requests_of_one_tick_share_one_call() -> None:
    replica = FakeReplica()
    dispatcher = Dispatcher([replica], timeout_s=5.0)
    answers = await asyncio.gather(*(dispatcher.ask(a_request(f"r{i}", num_samples=2)) for i in range(20)))
    assert len(replica.batches) == 1
    assert [[each.index for each in one] for one in answers] == [[0, 1]] * 20
    await dispatcher.close()


async def test_the_least_loaded_replica_gets_the_next_request() -> None:
    replicas = [FakeReplica(), FakeReplica()]
    dispatcher = Dispatcher(replicas, timeout_s=5.0)
    requests = [a_request("large", num_samples=6), *(a_request(f"small{i}", num_samples=2) for i in range(3))]
    await asyncio.gather(*map(dispatcher.ask, requests))
    # 6 samples to the first, then 2 + 2 + 2 to the second.
    assert replicas[0].batches == [["large"]]
    assert replicas[1].batches == [["small0", "small1", "small2"]]
    await dispatcher.close()


async def test_what_a_dead_replica_owes_goes_to_a_live_one() -> None:
    dying, living = FakeReplica(silent=True), FakeReplica()
    dispatcher = Dispatcher([dying, living], timeout_s=5.0)
    asking = [asyncio.ensure_future(dispatcher.ask(a_request(f"r{i}"))) for i in range(4)]
    await until(lambda: [each.done() for each in asking] == [False, True, False, True])
    dying.die()
    assert [len(one) for one in await asyncio.gather(*asking)] == [1] * 4
    assert living.batches == [["r1", "r3"], ["r0", "r2"]]
    await dispatcher.close()


async def test_requests_wait_for_the_only_replica_to_come_back() -> None:
    replica = FakeReplica(silent=True)
    dispatcher = Dispatcher([replica], timeout_s=5.0)
    asking = asyncio.ensure_future(dispatcher.ask(a_request("r")))
    await until(lambda: replica.batches)
    replica.die()
    await asyncio.sleep(0.05)  # long enough to be noticed, and as right if it is not
    replica.come_back()
    assert len(await asking) == 1
    assert replica.batches == [["r"], ["r"]]
    await dispatcher.close()


async def test_a_replica_that_is_dead_for_good_is_not_asked_for_ever() -> None:
    replica = FakeReplica(silent=True)
    dispatcher = Dispatcher([replica], timeout_s=0.3)
    replica.for_good = True
    replica.die()
    with pytest.raises(SamplingFailed, match="no live replica answered 0 of 1 samples of r"):
        await dispatcher.ask(a_request("r"))
    assert replica.pings == 1
    await dispatcher.close()


async def test_a_restart_that_went_unnoticed_shows_in_the_incarnation() -> None:
    replica = FakeReplica(silent=True)
    dispatcher = Dispatcher([replica], timeout_s=5.0)
    asking = asyncio.ensure_future(dispatcher.ask(a_request("r")))
    await until(lambda: replica.batches)
    replica.restart_unnoticed()
    assert len(await asking) == 1
    assert replica.batches == [["r"], ["r"]]
    await dispatcher.close()


async def test_a_silent_replica_ends_in_an_error_that_names_it() -> None:
    replica = FakeReplica(silent=True)
    dispatcher = Dispatcher([replica], timeout_s=0.05)
    with pytest.raises(SamplingFailed, match=r"replica 0 answered 0 of 1 samples of r \(deadline 0.05 s\)"):
        await dispatcher.ask(a_request("r"))
    await until(lambda: replica.aborted == ["r"])
    await dispatcher.close()


async def test_a_replica_that_comes_takes_new_requests() -> None:
    busy, fresh = FakeReplica(silent=True), FakeReplica()
    dispatcher = Dispatcher([busy], timeout_s=5.0)
    stuck = asyncio.ensure_future(dispatcher.ask(a_request("old")))
    await until(lambda: busy.batches)
    dispatcher.route({0: busy, 7: fresh})
    assert len(await dispatcher.ask(a_request("new"))) == 1
    assert (busy.batches, fresh.batches) == ([["old"]], [["new"]])
    stuck.cancel()
    await dispatcher.close()


async def test_a_replica_that_leaves_gets_no_new_requests_and_answers_what_it_owes() -> None:
    leaving, staying = FakeReplica(silent=True), FakeReplica()
    dispatcher = Dispatcher([leaving, staying], timeout_s=5.0)
    owed = asyncio.ensure_future(dispatcher.ask(a_request("owed")))
    await until(lambda: leaving.batches)
    dispatcher.route({1: staying})
    await asyncio.gather(*(dispatcher.ask(a_request(f"r{i}")) for i in range(3)))
    assert leaving.batches == [["owed"]]
    assert not await dispatcher.drained(0.02)
    leaving.answer_late(a_request("owed"))
    assert len(await owed) == 1
    assert await dispatcher.drained(1.0)
    assert staying.batches == [["r0", "r1", "r2"]]
    await dispatcher.close()


async def test_a_replica_that_owes_nothing_has_left_at_once() -> None:
    leaving, staying = FakeReplica(), FakeReplica()
    dispatcher = Dispatcher([leaving, staying], timeout_s=5.0)
    await dispatcher.ask(a_request("done"))
    dispatcher.route({1: staying})
    assert await dispatcher.drained(0.0)
    await dispatcher.close()


async def test_what_a_leaving_replica_owed_when_it_died_goes_to_another_one() -> None:
    leaving, staying = FakeReplica(silent=True), FakeReplica()
    dispatcher = Dispatcher([leaving, staying], timeout_s=5.0)
    owed = asyncio.ensure_future(dispatcher.ask(a_request("owed")))
    await until(lambda: leaving.batches)
    dispatcher.route({1: staying})
    leaving.die()
    assert len(await owed) == 1
    assert staying.batches == [["owed"]]
    assert await dispatcher.drained(1.0)
    await dispatcher.close()


async def test_a_request_that_its_caller_gave_up_does_not_keep_a_replica() -> None:
    leaving, staying = FakeReplica(silent=True), FakeReplica()
    dispatcher = Dispatcher([leaving, staying], timeout_s=0.05)
    owed = asyncio.ensure_future(dispatcher.ask(a_request("owed")))
    await until(lambda: leaving.batches)
    dispatcher.route({1: staying})
    with pytest.raises(SamplingFailed):
        await owed
    assert await dispatcher.drained(1.0)
    await dispatcher.close()


async def test_without_any_replica_there_is_nowhere_to_send() -> None:
    dispatcher = Dispatcher([FakeReplica()], timeout_s=5.0)
    with pytest.raises(ValueError, match="no replicas"):
        dispatcher.route({})
    await dispatcher.close()
