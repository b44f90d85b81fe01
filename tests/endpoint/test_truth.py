"""Never torn, never stale: many queries while many versions are published.

SPARRING_TRUTH="queries,versions,checked" sets the size; 10000,500,500 is the full one.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from bisect import bisect_right
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import pytest
from served import MODEL, Served

from sparring.serving.bench_twin import weights

pytestmark = [pytest.mark.service, pytest.mark.timeout(3000)]

NUM_QUERIES, NUM_VERSIONS, NUM_CHECKED = map(int, os.environ.get("SPARRING_TRUTH", "400,20,40").split(","))
CONCURRENCY = 16
STALE_S = 1.0
MAX_TOKENS = 12
FIRST = 1000  # versions of other tests stay below


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    began: float
    prompt: str
    number: int
    sha256: str
    token_ids: tuple[str, ...]
    text: str


async def query(client: httpx.AsyncClient, prompt: str, *, stream: bool) -> Seen:
    body = {"model": "policy", "prompt": prompt, "temperature": 0, "max_tokens": MAX_TOKENS, "logprobs": 0}
    began = time.monotonic()
    if stream:
        text, tokens = "", []
        async with client.stream("POST", "/v1/completions", json={**body, "stream": True}) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    event = json.loads(line[6:])
                    assert "error" not in event, event
                    text += event["choices"][0]["text"]
                    tokens += event["choices"][0]["logprobs"]["tokens"]
    else:
        answer = await client.post("/v1/completions", json=body)
        assert answer.status_code == 200, answer.text
        choice = answer.json()["choices"][0]
        text, tokens = choice["text"], choice["logprobs"]["tokens"]
    return Seen(
        began=began,
        prompt=prompt,
        number=int(answer.headers["x-policy-version"]),
        sha256=answer.headers["x-policy-sha256"],
        token_ids=tuple(tokens),
        text=text,
    )


async def publish_all(served: Served, published: list[tuple[float, int, str]], *, seen: list[Any]) -> None:
    """One version after another, evenly spread over the queries."""
    for index in range(NUM_VERSIONS):
        sha256 = await asyncio.to_thread(served.publish, FIRST + index)
        published.append((time.monotonic(), FIRST + index, sha256))
        while len(seen) < NUM_QUERIES * (index + 1) / (NUM_VERSIONS + 1):
            await asyncio.sleep(0.005)


def test_every_answer_is_wholly_of_one_version_that_was_new(served: Served) -> None:
    rng = Random(0)
    prompts = [
        f"<sd><p>def f(x):\n    return x + {rng.randrange(9)}<i>{rng.randrange(100)}" for _ in range(NUM_QUERIES)
    ]
    published: list[tuple[float, int, str]] = []

    async def run() -> list[Seen]:
        seen: list[Seen] = []
        rest = iter(enumerate(prompts))
        headers = {"authorization": f"Bearer {served.key}"}
        publishing = asyncio.create_task(publish_all(served, published, seen=seen))
        async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=120) as client:

            async def one() -> None:
                for index, prompt in rest:
                    seen.append(await query(client, prompt, stream=index % 4 == 0))

            await asyncio.gather(*(one() for _ in range(CONCURRENCY)))
        await publishing
        return seen

    sha256 = served.publish(FIRST - 1)
    published.append((time.monotonic(), FIRST - 1, sha256))
    time.sleep(STALE_S)
    began = time.monotonic()
    seen = asyncio.run(run())
    seconds = time.monotonic() - began
    assert len(seen) == NUM_QUERIES  # none failed
    hashes = {number: sha256 for _, number, sha256 in published}
    times = [at for at, _, _ in published]
    late = []
    for each in seen:
        assert hashes[each.number] == each.sha256
        newest = published[max(bisect_right(times, each.began - STALE_S) - 1, 0)][1]
        if each.number < newest:
            late.append((each.number, newest))
    met = len({each.number for each in seen})
    print(f"queries={len(seen)} versions={met}/{NUM_VERSIONS} seconds={seconds:.0f} stale={len(late)}")
    assert not late
    # Many were met, or nothing was shown; the faster the answers, the more of 500 versions come too soon to be loaded.
    assert met > min(NUM_VERSIONS / 4, 50)
    check_greedy(rng.sample(seen, NUM_CHECKED))


def check_greedy(sample: list[Seen]) -> None:
    """Every token is the most probable one under a forward pass with exactly that version's weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    network = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    for number in sorted({each.number for each in sample}):
        network.load_state_dict(weights((MODEL, number)), strict=False)
        for each in (one for one in sample if one.number == number):
            prompt = tokenizer(each.prompt, add_special_tokens=False).input_ids
            answer = tokenizer.convert_tokens_to_ids(_pieces(tokenizer, each.token_ids))
            with torch.no_grad():
                logits = network(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
            best = logits.max(-1).values
            taken = logits[torch.arange(len(answer)), torch.tensor(answer)]
            # Two tokens may be as probable as each other, within rounding.
            assert torch.all(best - taken < 1e-4), (number, each.text)


def _pieces(tokenizer: Any, texts: tuple[str, ...]) -> list[str]:
    """Vocabulary entries whose texts these are."""
    by_text = {tokenizer.decode([index]): piece for piece, index in tokenizer.get_vocab().items()}
    return [by_text[text] for text in texts]
