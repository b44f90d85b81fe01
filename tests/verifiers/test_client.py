"""The client with scripted actors: coalescing, routing and failures. Real Ray: test_client_ray.py."""

import asyncio

import pytest
from ray.exceptions import RayActorError

from sparring.core import wire
from sparring.core.claims import ProgramRun, ValueMatch
from sparring.core.config import ExecutorConfig
from sparring.core.errors import VerificationFailed, WireError
from sparring.core.types import Outcome, Verdict
from sparring.verifiers import client as client_module
from sparring.verifiers.client import MAX_BATCH, VerifierClient
from sparring.verifiers.envelope import decode_claim, decode_verdict, encode_claim, encode_failure

CONFIG = ExecutorConfig(max_retries=1)


class Method:
    def __init__(self, call):
        self.remote = call


class Actor:
    """Answers each claim with its program as output; dies on the first ``deaths`` calls."""

    def __init__(self, *, deaths=0, delay_s=0.0, reply=None):
        self.batches, self.deaths, self.delay_s, self.reply, self.pings = [], deaths, delay_s, reply, 0
        self.verify_many, self.ping, self.stats = Method(self._verify_many), Method(self._ping), Method(self._stats)

    async def _verify_many(self, claims):
        batch = [decode_claim(data) for data in claims]
        self.batches.append(batch)
        await asyncio.sleep(self.delay_s)
        if self.deaths:
            self.deaths -= 1
            raise RayActorError()
        return [answer(claim.program) if self.reply is None else self.reply for claim in batch]

    async def _ping(self):
        self.pings += 1
        if self.deaths > 100:
            raise RayActorError()
        return 1

    async def _stats(self):
        return {"verifier/latency_s": 2.0, "verifier/queue": 3.0}


def answer(text):
    return wire.encode(Verdict(outcome=Outcome.OK, passed=True, outputs=(text,)))


def run(program):
    return ProgramRun(program=program, arguments=("1",), expected=("2",), check_determinism=True)


async def ask(client, *programs):
    verdicts = await asyncio.gather(*(client(run(program)) for program in programs))
    return [verdict.outputs[0] for verdict in verdicts]


def test_claims_of_each_kind_survive_the_wire():
    for claim in (run("a"), ValueMatch(answer="1", reference="2")):
        assert decode_claim(encode_claim(claim)) == claim
    with pytest.raises(WireError):
        decode_claim(wire.encode({}))


def test_a_failure_travels_as_data_and_comes_out_as_an_error():
    with pytest.raises(VerificationFailed, match="no luck"):
        decode_verdict(encode_failure(VerificationFailed("no luck")))


async def test_concurrent_claims_share_a_call_and_keep_their_answers():
    actor = Actor()
    client = VerifierClient([actor], config=CONFIG)
    assert await ask(client, "a", "b", "c") == ["a", "b", "c"]
    assert [len(batch) for batch in actor.batches] == [3]


async def test_many_claims_are_split_into_bounded_calls():
    actor = Actor()
    programs = [str(number) for number in range(2 * MAX_BATCH + 1)]
    assert await ask(VerifierClient([actor], config=CONFIG), *programs) == programs
    assert sorted(len(batch) for batch in actor.batches) == [1, MAX_BATCH, MAX_BATCH]


async def test_claims_are_spread_over_all_actors():
    actors = [Actor(), Actor()]
    await ask(VerifierClient(actors, config=CONFIG), "a", "b", "c", "d")
    assert [len(batch) for actor in actors for batch in actor.batches] == [2, 2]


async def test_a_new_claim_goes_to_the_actor_with_the_fewest_open_ones():
    slow, fast = Actor(delay_s=0.5), Actor()
    client = VerifierClient([slow, fast], config=CONFIG)
    first = asyncio.create_task(ask(client, "a"))
    await asyncio.sleep(0.1)
    for program in ("b", "c"):
        await ask(client, program)
    await first
    assert [len(slow.batches), len(fast.batches)] == [1, 2]


async def test_value_matches_and_oversized_programs_are_answered_without_a_call():
    actor = Actor()
    client = VerifierClient([actor], config=CONFIG)
    assert (await client(ValueMatch(answer="1.0", reference="1"))).passed
    assert (await client(run("#" * 70_000))).outcome is Outcome.FORBIDDEN
    assert actor.batches == []


async def test_claims_on_a_dead_actor_go_to_another_one():
    dead, living = Actor(deaths=1000), Actor()
    client = VerifierClient([dead, living], config=CONFIG)
    assert await ask(client, "a", "b") == ["a", "b"]
    assert await ask(client, "c", "d") == ["c", "d"]
    assert len(dead.batches) == 1


async def test_the_only_actor_is_waited_for_while_it_restarts():
    actor = Actor(deaths=1)
    assert await ask(VerifierClient([actor], config=CONFIG), "a") == ["a"]
    assert actor.pings == 1


async def test_an_actor_that_stays_dead_is_a_failure(monkeypatch):
    monkeypatch.setattr(client_module, "RESTART_S", 0.3)
    with pytest.raises(VerificationFailed, match="none of 1 verifiers answers"):
        await ask(VerifierClient([Actor(deaths=1000)], config=CONFIG), "a")


async def test_an_actor_that_was_away_for_longer_than_a_restart_is_asked_again_once_it_is_back(monkeypatch):
    monkeypatch.setattr(client_module, "RESTART_S", 0.3)
    actor = Actor(deaths=1000)
    client = VerifierClient([actor], config=CONFIG)
    for _ in range(2):
        with pytest.raises(VerificationFailed, match="none of 1 verifiers answers"):
            await ask(client, "a")
    actor.deaths = 0
    assert await ask(client, "b") == ["b"]


async def test_an_actor_that_was_away_takes_claims_again_beside_the_others(monkeypatch):
    monkeypatch.setattr(client_module, "RESTART_S", 0.1)
    away, living = Actor(deaths=1000), Actor()
    client = VerifierClient([away, living], config=CONFIG)
    await ask(client, "a", "b")
    await asyncio.sleep(0.4)
    away.deaths = 0
    await ask(client, "c")
    async with asyncio.timeout(5):
        while len(away.batches) < 2:
            await ask(client, "d", "e")


async def test_an_actor_that_dies_again_and_again_is_a_failure():
    with pytest.raises(VerificationFailed, match="died under 1 claims 2 times"):
        await ask(VerifierClient([Actor(deaths=5)], config=CONFIG), "a")


async def test_no_answer_within_the_deadline_is_a_failure():
    client = VerifierClient([Actor(delay_s=5)], config=CONFIG, deadline_s=0.05)
    with pytest.raises(VerificationFailed, match="verifier 0: no verdicts on 1 claims"):
        await ask(client, "a")


@pytest.mark.parametrize("reply", [encode_failure(VerificationFailed("lost")), b"", b"\xff", wire.encode(7)])
async def test_a_reply_that_is_no_verdict_is_a_failure(reply):
    with pytest.raises(VerificationFailed):
        await ask(VerifierClient([Actor(reply=reply)], config=CONFIG), "a")


async def test_an_actor_that_answers_too_few_claims_is_a_failure_for_all_of_them():
    actor = Actor()
    actor.verify_many = Method(lambda claims: asyncio.sleep(0, result=[]))
    with pytest.raises(VerificationFailed, match="0 verdicts on 2 claims"):
        await ask(VerifierClient([actor], config=CONFIG), "a", "b")


async def test_a_cancelled_play_does_not_disturb_others_in_its_call():
    client = VerifierClient([Actor(delay_s=0.1)], config=CONFIG)
    cancelled, other = asyncio.create_task(ask(client, "a")), asyncio.create_task(ask(client, "b"))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    assert await other == ["b"]


async def test_stats_add_up_but_latency_is_a_mean():
    stats = await VerifierClient([Actor(), Actor()], config=CONFIG).stats()
    assert stats == {"verifier/latency_s": 2.0, "verifier/queue": 6.0}
