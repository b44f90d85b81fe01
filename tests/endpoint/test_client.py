"""OpenAI's own client against the endpoint: chat, completions, streams, logprobs, errors."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from served import PROMPT, Served

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]

TASK = json.dumps({"kind": "deduction", "program": "def f(x):\n    return x + 1", "input": "3"})


def greedy(served: Served, **more: Any) -> Any:
    arguments = {"model": "policy", "prompt": PROMPT, "temperature": 0, "max_tokens": 20, **more}
    return served.client().completions.create(**arguments)


def test_models_are_the_policy_its_roles_and_what_is_retained(served: Served) -> None:
    names = [model.id for model in served.client().models.list().data]
    assert names[:3] == ["policy", "policy/proposer", "policy/solver"]
    assert {"policy@0", "policy@1", "policy@2"} <= set(names)


def test_a_completion_is_greedy_at_temperature_zero_and_counts_its_tokens(served: Served) -> None:
    first, second = greedy(served, model="policy@0"), greedy(served, model="policy@0")
    assert first.choices[0].text == second.choices[0].text != ""
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.prompt_tokens == 8  # <sd>, <p>, four pieces of program, <i>, 3
    assert first.usage.total_tokens == 8 + first.usage.completion_tokens


def test_the_same_seed_gives_the_same_samples_and_another_one_others(served: Served) -> None:
    def sample(seed: int) -> list[str]:
        answer = greedy(served, model="policy@1", prompt="<pd>", temperature=1.0, seed=seed, n=4, max_tokens=40)
        return [choice.text for choice in answer.choices]

    first = sample(5)
    assert first == sample(5) != sample(6)
    assert len(set(first)) > 1


def test_several_prompts_are_answered_in_order(served: Served) -> None:
    prompts = [PROMPT, PROMPT.replace("<i>3", "<i>40")]
    together = greedy(served, model="policy@0", prompt=prompts, n=2)
    alone = [greedy(served, model="policy@0", prompt=prompt).choices[0].text for prompt in prompts]
    assert [choice.text for choice in together.choices] == [alone[0], alone[0], alone[1], alone[1]]
    assert [choice.index for choice in together.choices] == [0, 1, 2, 3]


def test_a_stop_ends_a_completion_and_stays_out_of_it(served: Served) -> None:
    whole = greedy(served, model="policy@0").choices[0].text
    assert "<a>" in whole
    cut = greedy(served, model="policy@0", stop=["<a>"]).choices[0]
    assert cut.text == whole[: whole.index("<a>")]
    assert cut.finish_reason == "stop"


def test_max_tokens_ends_a_completion(served: Served) -> None:
    answer = greedy(served, model="policy@0", max_tokens=1)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 1)


def test_logprobs_name_the_most_probable_tokens_and_greedy_takes_the_first(served: Served) -> None:
    logprobs = greedy(served, model="policy@0", logprobs=3).choices[0].logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs)
    for token, logprob, top in zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs, strict=True):
        assert token == max(top, key=top.get)
        assert top[token] == pytest.approx(logprob)
    assert logprobs.text_offset[1] == len(logprobs.tokens[0])


def test_a_chat_is_the_completion_of_its_template(served: Served) -> None:
    answer = served.client().chat.completions.create(
        model="policy@0", messages=[{"role": "user", "content": PROMPT}], temperature=0, max_tokens=20,
        logprobs=True, top_logprobs=2,
    )  # fmt: skip
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == greedy(served, model="policy@0").choices[0].text
    content = answer.choices[0].logprobs.content
    assert "".join(token.token for token in content).startswith(answer.choices[0].message.content)
    assert all(len(token.top_logprobs) == 2 for token in content)


def test_a_role_asks_with_the_prompt_of_its_recipe(served: Served) -> None:
    answer = served.client().chat.completions.create(
        model="policy/solver@0", messages=[{"role": "user", "content": TASK}], temperature=0, max_tokens=20
    )
    assert answer.choices[0].message.content == greedy(served, model="policy@0").choices[0].text


@pytest.mark.parametrize("stop", [None, ["return"], ["no such text"]])
def test_a_stream_says_what_the_whole_answer_says(served: Served, stop: list[str] | None) -> None:
    arguments: dict[str, Any] = {"model": "policy@1", "prompt": "<pd>", "temperature": 1.0, "seed": 11, "n": 3}
    arguments |= {"max_tokens": 60, "stop": stop}
    whole = served.client().completions.create(**arguments)
    stream = served.client().completions.create(**arguments, stream=True, stream_options={"include_usage": True})
    texts, reasons, usage = ["", "", ""], ["", "", ""], None
    for event in stream:
        usage = event.usage or usage
        for choice in event.choices:
            texts[choice.index] += choice.text
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts == [choice.text for choice in whole.choices]
    assert reasons == [choice.finish_reason for choice in whole.choices]
    assert usage == whole.usage


def test_a_chat_stream_begins_with_the_role(served: Served) -> None:
    events = list(
        served.client().chat.completions.create(
            model="policy@0", messages=[{"role": "user", "content": PROMPT}], temperature=0, max_tokens=20, stream=True
        )
    )
    assert events[0].choices[0].delta.role == "assistant"
    said = "".join(event.choices[0].delta.content or "" for event in events)
    assert said == greedy(served, model="policy@0").choices[0].text
    assert events[-1].choices[0].finish_reason == "stop"


def test_every_answer_names_its_version(served: Served) -> None:
    answer = served.client().completions.with_raw_response.create(model="policy@1", prompt=PROMPT, max_tokens=4)
    assert answer.headers["x-policy-version"] == "1"
    assert answer.headers["x-policy-route"] == "named"
    assert answer.headers["x-policy-sha256"] == served.hash_of(1)
    assert answer.parse().system_fingerprint.startswith("v1-")


@pytest.mark.parametrize(
    ("arguments", "kind", "code", "param"),
    [
        ({"model": "nobody"}, openai.NotFoundError, "model_not_found", "model"),
        ({"model": "policy@999999"}, openai.NotFoundError, "model_not_found", "model"),
        ({"temperature": 3}, openai.BadRequestError, "invalid_value", "temperature"),
        ({"prompt": "x " * 3000}, openai.BadRequestError, "context_length_exceeded", "prompt"),
        ({"prompt": [10**6]}, openai.BadRequestError, "invalid_value", "prompt"),
        ({"n": 100}, openai.BadRequestError, "invalid_value", "n"),
        ({"echo": True}, openai.BadRequestError, "invalid_value", "echo"),
        ({"model": "policy/solver"}, openai.BadRequestError, "invalid_task", "prompt"),
    ],
)
def test_errors_are_those_that_the_client_knows(
    served: Served, arguments: dict[str, Any], kind: type[openai.APIStatusError], code: str, param: str
) -> None:
    with pytest.raises(kind) as caught:
        greedy(served, **arguments)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_a_wrong_key_is_an_authentication_error(served: Served) -> None:
    with pytest.raises(openai.AuthenticationError):
        served.client(key="sk-sparring-wrong").models.list()
