"""The endpoint's parts that need no process: keys, limits, slots, wording, gates, requests."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from pydantic import ValidationError

from sparring.core.errors import UsageError
from sparring.core.metrics import declared
from sparring.core.types import FinishReason
from sparring.serving.endpoint_desk import _Visit
from sparring.serving.endpoint_files import Watched, read_steering, write_private
from sparring.serving.endpoint_gate import BodyGate, KeyGate, ProxyGate
from sparring.serving.endpoint_keys import Key, Keys, hash_of, load_keys
from sparring.serving.endpoint_limits import Bucket, Limits
from sparring.serving.openai_errors import ApiError
from sparring.serving.openai_requests import ChatRequest, CompletionRequest
from sparring.serving.queries import Piece
from sparring.serving.shelf import Shelf
from sparring.serving.wording import Wording

LIMITS = {"requests_per_minute": 60, "tokens_per_minute": 600}
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def key(**more: Any) -> Key:
    return Key(**{"name": "alice", "sha256": hash_of("s"), "created": 0, **LIMITS, **more})


# --- keys ----------------------------------------------------------------------------------------------------------


def test_a_key_is_found_by_its_secret_alone(tmp_path: Path) -> None:
    keys, secret = Keys().with_key("alice", limits=LIMITS)
    keys.save(tmp_path / "keys.json")
    found = load_keys(tmp_path / "keys.json")
    assert found.find(secret, now=time.time()) == next(iter(keys))
    for wrong in ("", secret[:-1], secret + "x", next(iter(keys)).sha256):
        assert found.find(wrong, now=time.time()) is None
    assert secret not in (tmp_path / "keys.json").read_text()


def test_a_rotated_key_lets_the_old_secret_in_until_its_grace_is_over() -> None:
    keys, old = Keys().with_key("alice", limits=LIMITS)
    keys, new = keys.rotated("alice", grace_s=100)
    now = time.time()
    assert keys.find(old, now=now) is not None
    assert keys.find(old, now=now + 101) is None
    assert keys.find(new, now=now + 101) is not None
    keys, newest = keys.rotated("alice", grace_s=0)
    assert [keys.find(secret, now=now) is None for secret in (old, new, newest)] == [True, True, False]


def test_a_name_is_given_once_and_must_be_one() -> None:
    keys, _ = Keys().with_key("alice", limits=LIMITS)
    with pytest.raises(UsageError, match="exists already"):
        keys.with_key("alice", limits=LIMITS)
    for name in ("", "Alice", "a b", "../x"):
        with pytest.raises(UsageError, match="key name"):
            Keys().with_key(name, limits=LIMITS)
    with pytest.raises(UsageError, match="no key bob; there is: alice"):
        keys.without("bob")


def test_a_broken_file_of_keys_leaves_those_that_were(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys, secret = Keys().with_key("alice", limits=LIMITS)
    keys.save(path)
    watched = Watched(path, load_keys)
    assert not watched.look()
    write_private(path, b"[{")
    assert not watched.look()
    assert watched.problem
    assert watched.value.find(secret, now=0.0) is not None
    keys.without("alice").save(path)
    assert watched.look()
    assert watched.value.find(secret, now=0.0) is None


def test_steering_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "steering.json").write_text('{"rollback": "x"}')
    with pytest.raises(UsageError, match="rollback"):
        read_steering(tmp_path / "steering.json")


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_bucket_fills_with_a_minutes_worth_a_minute() -> None:
    bucket = Bucket(60)
    assert [bucket.take(1, now=0.0) for _ in range(60)] == [0.0] * 60
    assert bucket.take(1, now=0.0) == pytest.approx(1.0)  # 60 a minute is one a second
    assert bucket.take(1, now=1.0) == 0.0
    assert bucket.take(61, now=1000.0) > 0  # it holds no more than a minute's worth


def test_what_was_reserved_and_not_used_is_given_back() -> None:
    now = [0.0]
    limits = Limits(max_in_flight=1, clock=lambda: now[0])
    limits.count_tokens(key(), 600)
    with pytest.raises(ApiError, match="600 tokens a minute") as caught:
        limits.count_tokens(key(), 1)
    assert caught.value.status == 429
    limits.give_back_tokens(key(), 500)
    limits.count_tokens(key(), 500)
    with pytest.raises(ApiError) as caught:
        limits.count_tokens(key(), 601)
    assert caught.value.status == 400  # no waiting would help


def test_keys_do_not_share_their_limits_and_all_share_what_is_in_flight() -> None:
    limits = Limits(max_in_flight=1, clock=lambda: 0.0)
    for _ in range(60):
        limits.count_request(key())
    with pytest.raises(ApiError, match="60 requests a minute"):
        limits.count_request(key())
    limits.count_request(key(name="bob"))
    limits.enter()
    with pytest.raises(ApiError) as caught:
        limits.enter()
    assert caught.value.status == 503
    limits.leave()
    limits.enter()


# --- slots ---------------------------------------------------------------------------------------------------------


def filled(shelf: Shelf, number: int, *, kept: set[int], is_named: bool = False) -> Any:
    slot = shelf.claim(kept=kept, is_named=is_named)
    assert slot is not None
    shelf.fill(slot, number=number, sha256=str(number))
    return slot


def test_a_slot_in_use_or_kept_is_never_given_away() -> None:
    shelf = Shelf(2)
    first = filled(shelf, 1, kept=set())
    shelf.use(first)
    second = filled(shelf, 2, kept={1})
    assert shelf.claim(kept={2}, is_named=False) is None  # 1 is in use, 2 is kept
    shelf.release(first)
    assert shelf.claim(kept={2}, is_named=False) is first
    assert shelf.find(1) is None
    assert shelf.find(2) is second


def test_versions_asked_for_by_name_leave_two_slots_to_the_newest() -> None:
    shelf = Shelf(4)
    filled(shelf, 1, kept=set())
    named = [filled(shelf, number, kept={1}, is_named=True) for number in (7, 8)]
    third = shelf.claim(kept={1}, is_named=True)
    assert third is named[0]  # the one used longest ago makes room, not the fourth slot
    shelf.fill(third, number=9, sha256="9")
    for slot in named:
        shelf.use(slot)
    assert shelf.claim(kept={1}, is_named=True) is None
    assert shelf.claim(kept={1}, is_named=False) is not None


# --- wording -------------------------------------------------------------------------------------------------------


def wording(stop: tuple[str, ...] = (), *, with_tokens: bool = False) -> Wording:
    def decode(ids: Any) -> str:
        return "".join(ALPHABET[index] for index in ids)

    return Wording(decode=decode, stop=stop, end_ids=(25,), with_tokens=with_tokens)


def piece(text: str, *, end: FinishReason | None = None) -> Piece:
    ids = tuple(map(ALPHABET.index, text))
    return Piece(query_id="q", index=0, token_ids=ids, logprobs=(-1.0,) * len(ids), top=(), finish_reason=end)


def test_what_may_become_a_stop_is_held_back_and_given_out_once_it_can_not() -> None:
    words = wording(("cde",))
    told = []
    for text in ("ab", "c", "d", "x"):
        words.add(piece(text))
        told.append(words.take()[0])
    assert told == ["ab", "", "", "cdx"]
    words.add(piece("cd", end=FinishReason.LENGTH))
    assert words.take()[0] == "cd"


def test_nothing_after_a_stop_is_told() -> None:
    words = wording(("cd", "b"))
    words.add(piece("acdb", end=FinishReason.STOP))
    assert words.take()[0] == "a"


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_tells_exactly_the_text_up_to_the_first_stop(seed: int) -> None:
    from random import Random

    rng = Random(seed)
    text = "".join(rng.choice("abc") for _ in range(60))
    stops = tuple("".join(rng.choice("abc") for _ in range(rng.randint(2, 6))) for _ in range(3))
    words, told = wording(stops), ""
    for index, letter in enumerate(text):
        words.add(piece(letter, end=FinishReason.LENGTH if index == 59 else None))
        told += words.take()[0]
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    assert told == text[: min(places, default=60)]


def test_an_end_token_is_counted_and_not_told() -> None:
    words = wording(with_tokens=True)
    words.add(piece("abz", end=FinishReason.STOP))
    text, tokens = words.take()
    assert (text, words.num_tokens, [token.offset for token in tokens]) == ("ab", 3, [0, 1, 2])


# --- gates ---------------------------------------------------------------------------------------------------------


async def through(gate: Any, *, path: str = "/v1/models", headers: Any = (), parts: Any = (b"",)) -> tuple[int, Any]:
    """Status and body of an answer."""
    said: list[Any] = []
    queue = [
        {"type": "http.request", "body": part, "more_body": index + 1 < len(parts)} for index, part in enumerate(parts)
    ]

    async def receive() -> Any:
        if queue:
            return queue.pop(0)
        await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        said.append(message)

    await gate({"type": "http", "path": path, "method": "POST", "headers": list(headers)}, receive, send)
    return said[0]["status"], json.loads(said[1]["body"])


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    names = sorted(name.decode() for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps([len(body), names]).encode()})


async def test_bodies_are_passed_on_whole_or_not_at_all() -> None:
    gate = BodyGate(echo, max_bytes=10, timeout_s=0.2)
    assert await through(gate, parts=[b"x" * 4, b"x" * 6]) == (200, [10, []])
    assert (await through(gate, parts=[b"x" * 4, b"x" * 7]))[0] == 413
    assert (await through(gate, headers=[(b"content-length", b"11")]))[0] == 413


async def test_a_body_that_does_not_end_is_not_waited_for() -> None:
    gate = BodyGate(echo, max_bytes=10, timeout_s=0.05)

    said: list[Any] = []

    async def slow() -> Any:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def send(message: Any) -> None:
        said.append(message)

    await gate({"type": "http", "path": "/", "headers": []}, slow, send)
    assert said[0]["status"] == 408


async def test_serves_own_routes_and_headers_are_taken_from_clients() -> None:
    gate = ProxyGate(echo)
    assert (await through(gate, path="/-/routes"))[0] == 401
    assert (await through(gate, path="/-/healthz"))[0] == 200
    _, (_, names) = await through(gate, headers=[(b"x-request-disconnect-disabled", b"?1"), (b"accept", b"*/*")])
    assert names == ["accept"]
    assert (await through(gate, headers=[(b"accept", b"\xff")]))[0] == 400


async def test_the_gate_of_keys_opens_for_one_bearer_key_and_for_health() -> None:
    counted: list[Key] = []
    known = {"s": key()}
    gate = KeyGate(echo, find=lambda secret, now: known.get(secret), count=counted.append)
    bearer = (b"authorization", b"Bearer s")
    assert (await through(gate, headers=[bearer]))[0] == 200
    assert counted == [key()]
    assert (await through(gate, path="/healthz"))[0] == 200
    for headers in ([], [bearer, bearer], [(b"authorization", b"s")], [(b"authorization", b"Basic s")]):
        assert (await through(gate, headers=headers))[0] == 401
    assert (await through(gate, path="/healthz/", headers=[]))[0] == 401
    assert len(counted) == 1


async def test_a_browser_shows_its_key_as_a_password_on_the_page_alone() -> None:
    counted: list[Key] = []
    known = {"s:t": key()}
    gate = KeyGate(echo, find=lambda secret, now: known.get(secret), count=counted.append)

    def basic(text: str) -> list[tuple[bytes, bytes]]:
        return [(b"authorization", b"Basic " + b64encode(text.encode()))]

    for path in ("/run", "/run/", "/run/tasks"):
        assert (await through(gate, path=path, headers=basic("anybody:s:t")))[0] == 200
        assert (await through(gate, path=path, headers=[(b"authorization", b"Bearer s:t")]))[0] == 200
        for wrong in (
            basic("s:t"),
            basic("a:wrong"),
            [(b"authorization", b"Basic %%%")],
            [(b"authorization", b"Basic \xc3\xa9")],
            [],
        ):
            assert (await through(gate, path=path, headers=wrong))[0] == 401
    for path in ("/v1/models", "/running", "/metrics", "/run2/"):
        assert (await through(gate, path=path, headers=basic("anybody:s:t")))[0] == 401
    assert len(counted) == 6


# --- visits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stream", "given_back"), [(False, 0), (True, 90)])
async def test_who_leaves_before_an_answer_in_one_piece_gets_no_tokens_back(stream: bool, given_back: int) -> None:
    desk = MagicMock()
    desk._config.request_timeout_s = 60.0
    desk._backend.begin = lambda query: asyncio.Event().wait()  # never answers
    work = SimpleNamespace(
        query=SimpleNamespace(stream=stream),
        num_reserved=100,
        num_spent=10,
        num_prompt_tokens=10,
        num_completion_tokens=0,
    )
    visit = _Visit(desk, work, key=key())  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(visit.begin(), 0.01)
    visit.end()
    visit.end()
    desk.limits.give_back_tokens.assert_called_once_with(key(), given_back)


# --- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"n": 0}, {"n": True}, {"temperature": float("nan")}, {"temperature": "1"}, {"top_p": 0}, {"max_tokens": 0},
        {"stop": [""]}, {"stop": ["a"] * 5}, {"logprobs": 21}, {"echo": True}, {"suffix": "x"},
        {"logit_bias": {"1": 1}}, {"presence_penalty": 0.5}, {"prompt": []}, {"prompt": [[]]}, {"prompt": [-1]},
        {"prompt": ["a", 1]}, {"prompt": None},
    ],
)  # fmt: skip
def test_what_would_change_an_answer_and_is_not_done_is_refused(change: dict[str, Any]) -> None:
    good = {"model": "policy", "prompt": "x"}
    CompletionRequest.model_validate(good)
    with pytest.raises(ValidationError):
        CompletionRequest.model_validate({**good, **change})


def test_a_message_may_come_in_parts_of_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    request = ChatRequest.model_validate({"model": "policy", "messages": [{"role": "user", "content": parts}]})
    assert request.messages[0].text == "ab"
    with pytest.raises(ValidationError):
        ChatRequest.model_validate({"model": "policy", "messages": [{"role": "tool", "content": "x"}]})


def test_every_metric_of_the_endpoint_is_in_the_catalogue() -> None:
    from sparring.serving.endpoint_metrics import EndpointMetrics, prometheus_name

    text = EndpointMetrics().text().decode()
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
    assert names
    for name in ("requests", "tokens", "latency_s", "in_flight", "version", "newest", "refused", "swaps"):
        assert declared(f"endpoint/{name}")
        assert prometheus_name(f"endpoint/{name}") in text
