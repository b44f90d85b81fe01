"""An answer in one piece, or as server-sent events while it grows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sparring.serving.endpoint_work import Work, finish
from sparring.serving.openai_answers import chat_logprobs, text_logprobs, usage
from sparring.serving.wording import TokenText, Wording

DONE = b"data: [DONE]\n\n"


class TextShape:
    """POST /v1/completions."""

    kind = "cmpl"

    def head(self, work: Work, *, stream: bool) -> dict[str, Any]:
        return _head(work, kind="text_completion")

    def choice(self, work: Work, index: int, text: str, tokens: Sequence[TokenText], *, stream: bool) -> dict[str, Any]:
        logprobs = None if work.num_top is None else text_logprobs(tokens, num_top=work.num_top)
        reason = finish(work.wordings[index].finish_reason)
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}

    def opening(self, work: Work) -> list[dict[str, Any]]:
        return []


class ChatShape:
    """POST /v1/chat/completions."""

    kind = "chatcmpl"

    def head(self, work: Work, *, stream: bool) -> dict[str, Any]:
        return _head(work, kind="chat.completion.chunk" if stream else "chat.completion")

    def choice(self, work: Work, index: int, text: str, tokens: Sequence[TokenText], *, stream: bool) -> dict[str, Any]:
        logprobs = None if work.num_top is None else chat_logprobs(tokens)
        said = {"delta": {"content": text}} if stream else {
            "message": {"role": "assistant", "content": text, "refusal": None}
        }  # fmt: skip
        reason = finish(work.wordings[index].finish_reason)
        return {"index": index, **said, "logprobs": logprobs, "finish_reason": reason}

    def opening(self, work: Work) -> list[dict[str, Any]]:
        """Who speaks comes before what is said."""
        delta = {"role": "assistant", "content": ""}
        return [
            {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            for index in range(len(work.wordings))
        ]


Shape = TextShape | ChatShape


def whole(work: Work, shape: Shape) -> dict[str, Any]:
    """The answer once all completions have ended."""
    choices = [shape.choice(work, index, *wording.take(), stream=False) for index, wording in enumerate(work.wordings)]
    return {**shape.head(work, stream=False), "choices": choices, "usage": _usage(work)}


async def events(work: Work, shape: Shape, growth: AsyncIterator[int]) -> AsyncIterator[bytes]:
    """The answer as it grows; ``growth`` gives the index of a completion that has more to tell."""
    head = shape.head(work, stream=True)
    spoken = {"usage": None} if work.include_usage else {}
    for choice in shape.opening(work):
        yield event({**head, "choices": [choice], **spoken})
    async for index in growth:
        wording: Wording = work.wordings[index]
        text, tokens = wording.take()
        if text or tokens or wording.finish_reason is not None:
            yield event({**head, "choices": [shape.choice(work, index, text, tokens, stream=True)], **spoken})
    if work.include_usage:
        yield event({**head, "choices": [], "usage": _usage(work)})
    yield DONE


def event(value: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(value)}\n\n".encode()


def _head(work: Work, *, kind: str) -> dict[str, Any]:
    return {
        "id": work.query.query_id,
        "object": kind,
        "created": work.created,
        "model": work.name,
        "system_fingerprint": work.fingerprint,
    }


def _usage(work: Work) -> dict[str, int]:
    return usage(num_prompt=work.num_prompt_tokens, num_completion=work.num_completion_tokens)
