"""One request on its way: what it asks, the version that took it, and its completions as they grow."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from sparring.core.types import FinishReason
from sparring.serving.endpoint_prompts import Prompts, TokenIds
from sparring.serving.line import Answer
from sparring.serving.openai_requests import SEEDS, Request, max_tokens, num_top, stops
from sparring.serving.queries import Piece, Query, Taken
from sparring.serving.requests import SampleRequest
from sparring.serving.seeds import derive_seed
from sparring.serving.wording import Wording

LEAST_TOP_P = 1e-6  # in the engine's precision less is nothing at all


@dataclass(slots=True, kw_only=True)
class Work:
    """A request as it was understood."""

    name: str  # of the model, as asked
    query: Query
    num_top: int | None  # None: no logprobs
    num_prompt_tokens: int
    include_usage: bool
    wordings: list[Wording]
    created: int = field(default_factory=lambda: int(time.time()))
    taken: Taken | None = None

    @classmethod
    def plan(
        cls, request: Request, ids: Sequence[TokenIds], *, prompts: Prompts, cap: int, version: int | None, kind: str
    ) -> Work:
        """Completions of the prompts ``ids``, each of at most ``cap`` tokens."""
        query_id = f"{kind}-{uuid.uuid4().hex}"
        seed = derive_seed("endpoint", query_id) if request.seed is None else request.seed % SEEDS
        temperature = 1.0 if request.temperature is None else request.temperature
        samples, stop = request.n or 1, stops(request)
        wanted = max_tokens(request) or cap
        requests = tuple(
            SampleRequest(
                request_id=f"{query_id}/{index}",
                prompt_ids=prompt,
                num_samples=samples,
                temperature=temperature,
                top_p=max(request.top_p or 1.0, LEAST_TOP_P) if temperature > 0 else 1.0,
                max_tokens=min(wanted, cap, prompts.length - len(prompt)),
                stop=stop,
                stop_token_ids=prompts.end_ids,
                # Completions of one seed must differ from each other, and a prompt's must not depend on its neighbours.
                seed=min(seed, SEEDS - 1 - samples),
            )
            for index, prompt in enumerate(ids)
        )
        top, stream = num_top(request), bool(request.stream)
        query = Query(query_id=query_id, requests=requests, version=version, num_top=top or 0, stream=stream)
        wordings = [
            Wording(decode=prompts.decode, stop=stop, end_ids=prompts.end_ids, with_tokens=top is not None)
            for _ in range(query.num_samples)
        ]
        options = request.stream_options
        return cls(
            name=request.model,
            query=query,
            num_top=top,
            num_prompt_tokens=sum(map(len, ids)),
            include_usage=bool(options and options.include_usage),
            wordings=wordings,
        )

    @property
    def num_reserved(self) -> int:
        """The most tokens it may cost."""
        return self.num_prompt_tokens + sum(each.num_samples * each.max_tokens for each in self.query.requests)

    @property
    def num_completion_tokens(self) -> int:
        return sum(wording.num_tokens for wording in self.wordings)

    @property
    def num_spent(self) -> int:
        return self.num_prompt_tokens + self.num_completion_tokens

    @property
    def headers(self) -> dict[str, str]:
        """Which version answers, and why it."""
        assert self.taken is not None
        return {
            "x-policy-version": str(self.taken.number),
            "x-policy-sha256": self.taken.sha256,
            "x-policy-route": self.taken.route,
            "cache-control": "no-store",
        }

    @property
    def fingerprint(self) -> str:
        """Changes with the weights, as OpenAI's does."""
        assert self.taken is not None
        return f"v{self.taken.number}-{self.taken.sha256[:12]}"

    async def grow(self, answer: Answer) -> AsyncIterator[Piece]:
        """Words the pieces of ``answer`` as they come."""
        async for piece in answer.pieces:
            self.wordings[piece.index].add(piece)
            yield piece


def finish(reason: FinishReason | None) -> str | None:
    """As OpenAI names it."""
    return None if reason is None else str(reason)
