"""The rollout replicas' spare capacity as a host: bounded, of one version, hashed. Replicas are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparring.core.config import RunConfig
from sparring.core.ports import Announcement
from sparring.core.types import FinishReason, PolicyVersion, VersionSpan
from sparring.core.wire import decode, encode
from sparring.serving.line import Answer
from sparring.serving.queries import Query, Refused, Steering
from sparring.serving.requests import Completion, Progress, SampleRequest
from sparring.serving.shared_line import SharedLine


class Remote:
    """``method.remote(...)`` as Ray has it."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.remote = method


class FakeReplica:
    """Answers with two tokens of its version, the second one when told."""

    def __init__(self, number: int = 3, *, silent: bool = False) -> None:
        self.number, self.silent = number, silent
        self.seen: list[SampleRequest] = []
        self.aborted: list[str] = []
        self._ended: list[Completion] = []
        self._filled = asyncio.Event()
        for name in ("submit", "collect", "abort", "ping", "version", "peek"):
            setattr(self, name, Remote(getattr(self, f"_{name}")))

    async def _submit(self, client: str, data: bytes) -> str:
        self.seen += (asked := decode(data, list[SampleRequest]))
        if not self.silent:
            self.finish(asked)
        return "only"

    def finish(self, asked: list[SampleRequest]) -> None:
        self._ended += [
            Completion(request_id=request.request_id, index=index, token_ids=(7, 8), logprobs=(-1.0, -2.0),
                       version_spans=(VersionSpan(number=self.number, num_tokens=2),), finish_reason=FinishReason.STOP)
            for request in asked
            for index in range(request.num_samples)
        ]  # fmt: skip
        self._filled.set()

    async def _collect(self, client: str, timeout_s: float) -> tuple[str, bytes]:
        await self._filled.wait()
        self._filled.clear()
        ended, self._ended = self._ended, []
        return "only", encode(ended)

    async def _peek(self, request_ids: list[str]) -> bytes:
        known = [request.request_id for request in self.seen if request.request_id in request_ids]
        return encode(
            [Progress(request_id=each, index=0, token_ids=(7,), logprobs=(-1.0,), number=self.number) for each in known]
        )

    async def _abort(self, request_ids: list[str]) -> None:
        self.aborted += request_ids

    async def _ping(self) -> str:
        return "only"

    async def _version(self) -> int:
        return self.number


class Feed:
    """Has announced the versions it is given, the newest last."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    async def latest(self, policy: str) -> Announcement | None:
        if not self._numbers:
            return None
        number = self._numbers.pop(0)
        version = PolicyVersion(policy=policy, number=number)
        return Announcement(version=version, path=f"/none/v{number:08d}", sha256=f"hash of {number}", step=number)

    async def wait(self, policy: str, *, after: int, timeout_s: float) -> Announcement | None:
        newest = await self.latest(policy)
        if newest is None:
            await asyncio.sleep(timeout_s)
        return newest


def line(*replicas: FakeReplica, feed: Feed | None = None, share: float = 0.2) -> SharedLine:
    config = RunConfig.model_validate(
        {
            "endpoint": {"hosting": "shared", "share": share},
            "rollout": {"max_num_seqs": 20},
            "policy": {"model": Path("m")},
        }
    )
    known = feed or Feed(3)

    async def make() -> Any:
        return known

    return SharedLine(replicas, config=config, feed=make)


def a_query(name: str = "q", *, prompts: int = 1, samples: int = 1, **more: Any) -> Query:
    requests = tuple(
        SampleRequest(request_id=f"{name}/{index}", prompt_ids=(1,), num_samples=samples, temperature=1.0, top_p=1.0,
                      max_tokens=4, stop=(), stop_token_ids=(), seed=0)
        for index in range(prompts)
    )  # fmt: skip
    return Query(**{"query_id": name, "requests": requests, "version": None, "num_top": 0, "stream": False, **more})


async def pieces(answer: Answer | Refused) -> list[Any]:
    assert isinstance(answer, Answer), answer
    return [piece async for piece in answer.pieces]


async def test_an_answer_names_the_version_that_the_replica_sampled_with_and_is_pinned_to_it() -> None:
    replica = FakeReplica()
    shared = line(replica)
    answer = await shared.begin(a_query(prompts=2, samples=2))
    assert isinstance(answer, Answer)
    assert (answer.taken.number, answer.taken.sha256, answer.taken.route) == (3, "hash of 3", "newest")
    assert [piece.index for piece in await pieces(answer)] == [0, 1, 2, 3]
    assert all(request.pinned for request in replica.seen)


async def test_prompts_that_met_different_versions_are_asked_again_until_they_meet_one() -> None:
    replicas = FakeReplica(3), FakeReplica(4)
    shared = line(*replicas, feed=Feed(3, 4))

    async def catch_up() -> None:
        while len(replicas[0].seen) < 2:
            await asyncio.sleep(0.001)
        replicas[0].number = 4

    catching = asyncio.create_task(catch_up())
    answer = await shared.begin(a_query(prompts=2))
    await catching
    assert isinstance(answer, Answer)
    assert answer.taken.number == 4
    assert len(replicas[0].seen) > 1


async def test_prompts_that_never_meet_one_version_are_refused() -> None:
    answer = await line(FakeReplica(3), FakeReplica(4), feed=Feed(3, 4)).begin(a_query(prompts=2))
    assert isinstance(answer, Refused)
    assert (answer.status, "versions changed" in answer.reason) == (503, True)


async def test_no_more_than_the_share_is_ever_asked_of_the_replicas() -> None:
    replica = FakeReplica(silent=True)
    shared = line(replica, share=0.2)  # of 20 sequences: 4
    asked = [asyncio.create_task(shared.begin(a_query(f"q{index}", samples=2))) for index in range(5)]
    await asyncio.sleep(0.05)
    assert len(replica.seen) == 2
    first = list(replica.seen)
    replica.finish(first[:1])
    await asyncio.sleep(0.05)
    assert len(replica.seen) == 3
    refused = await shared.begin(a_query("big", samples=5))
    assert isinstance(refused, Refused)
    assert refused.status == 400
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_who_goes_away_makes_room_and_the_replica_forgets() -> None:
    replica = FakeReplica(silent=True)
    shared = line(replica, share=0.05)  # one sequence
    first, second = a_query("first"), a_query("second")
    waiting = [asyncio.create_task(shared.begin(query)) for query in (first, second)]
    await asyncio.sleep(0.05)
    shared.end(first)
    await asyncio.sleep(0.05)
    assert [request.request_id for request in replica.seen] == ["first/0/0", "second/0/0"]
    assert replica.aborted == ["first/0/0"]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_stream_tells_tokens_once_and_in_order() -> None:
    replica = FakeReplica(silent=True)
    shared = line(replica)
    answer = await shared.begin(a_query(stream=True))
    assert isinstance(answer, Answer)  # after the first token, long before the end
    replica.finish(replica.seen)
    told = await pieces(answer)
    assert [token for piece in told for token in piece.token_ids] == [7, 8]
    assert told[-1].finish_reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("change", "status"), [({"version": 2}, 404), ({"num_top": 1}, 400), ({"stream": True, "prompts": 2}, 400)]
)
async def test_what_replicas_can_not_do_is_refused(change: dict[str, Any], status: int) -> None:
    refused = await line(FakeReplica()).begin(a_query(**change))
    assert isinstance(refused, Refused)
    assert refused.status == status


async def test_before_the_first_announcement_nothing_is_answered() -> None:
    shared = line(FakeReplica(0), feed=Feed())
    refused = await shared.begin(a_query())
    assert isinstance(refused, Refused)
    assert refused.status == 503
    assert (await shared.state()).serving is None


async def test_a_rollback_is_not_pretended() -> None:
    shared = line(FakeReplica())
    await shared.steer(Steering(rollback=1))
    assert "no effect" in (await shared.state()).problem
