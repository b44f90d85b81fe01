import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.core.errors import WireError
from sparring.core.types import (
    Episode,
    FinishReason,
    Outcome,
    Rollout,
    ScoredRollout,
    Task,
    Verdict,
    VersionSpan,
)
from sparring.core.wire import SCHEMA, decode, encode, fingerprint

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


def an_episode(payload):
    rollout = Rollout(
        rollout_id="r",
        role="solver",
        task_id="t",
        policy="base",
        prompt_ids=(1, 2),
        completion_ids=(3,),
        behaviour_logprobs=(-0.5,),
        version_spans=(VersionSpan(number=4, num_tokens=1),),
        text="x",
        finish_reason=FinishReason.STOP,
    )
    task = Task(task_id="t", kind="solve/deduction", payload=payload, parents=("p",))
    scored = ScoredRollout(rollout=rollout, kind="deduction", reward=1.0, solved=True)
    return Episode(episode_id="e", task=task, rollouts=(scored,), minted=(task,), metrics={"solve_rate": 0.5})


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_an_episode_survives_the_wire(payload):
    episode = an_episode(payload)
    assert decode(encode(episode), Episode) == episode


def test_another_schema_number_is_refused_by_name():
    data = bytes([SCHEMA + 1]) + encode(an_episode({}))[1:]
    with pytest.raises(WireError, match=f"schema {SCHEMA + 1} where {SCHEMA} was expected"):
        decode(data, Episode)


@given(st.binary(max_size=64))
def test_garbage_is_an_error_of_ours_and_nothing_else(data):
    with pytest.raises(WireError):
        decode(bytes([SCHEMA]) + b"\xc1" + data, Episode)


def test_tasks_with_one_fingerprint_are_the_same_whatever_their_ids():
    one = Task(task_id="a", kind="deduction", payload={"program": "x"}, fingerprint="f")
    same = Task(task_id="b", kind="deduction", payload={"program": " x"}, fingerprint="f")
    other = Task(task_id="a", kind="abduction", payload={"program": "x"}, fingerprint="f")
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)


def test_without_a_fingerprint_the_payload_decides_in_any_key_order():
    one = Task(task_id="a", kind="k", payload={"x": 1, "y": 2})
    assert fingerprint(one) == fingerprint(Task(task_id="b", kind="k", payload={"y": 2, "x": 1}))
    assert fingerprint(one) != fingerprint(Task(task_id="a", kind="k", payload={"x": 1, "y": 3}))


def test_a_verdict_that_was_not_reached_can_not_be_passed():
    with pytest.raises(ValueError, match="infrastructure"):
        Verdict(outcome=Outcome.INFRASTRUCTURE, passed=True)


def test_a_rollout_whose_logprobs_do_not_match_its_tokens_is_refused():
    with pytest.raises(ValueError, match="1 completion tokens, but 0 behaviour logprobs"):
        Rollout(
            rollout_id="r",
            role="solver",
            task_id="t",
            policy="base",
            prompt_ids=(),
            completion_ids=(1,),
            behaviour_logprobs=(),
            version_spans=(VersionSpan(number=0, num_tokens=1),),
            text="",
            finish_reason=FinishReason.STOP,
        )
