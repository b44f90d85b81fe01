"""Answers in OpenAI's shape: models for the interface's document, and how they are filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from sparring.serving.wording import TokenText


class Usage(BaseModel):
    """Tokens that were paid for."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TokenLogprobs(BaseModel):
    """Logprobs of a text completion."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


class CompletionChoice(BaseModel):
    """One completion."""

    index: int
    text: str
    logprobs: TokenLogprobs | None
    finish_reason: Literal["stop", "length"] | None


class CompletionAnswer(BaseModel):
    """POST /v1/completions."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[CompletionChoice]
    usage: Usage | None = None


class TopToken(BaseModel):
    """A token that was likely."""

    token: str
    logprob: float
    bytes: list[int]


class ChatToken(TopToken):
    """A token that was sampled, and those that were likely."""

    top_logprobs: list[TopToken]


class ChatLogprobs(BaseModel):
    """Logprobs of a message."""

    content: list[ChatToken]
    refusal: None = None


class AnswerMessage(BaseModel):
    """What the policy says."""

    role: Literal["assistant"]
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    """One answer."""

    index: int
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: Literal["stop", "length"] | None


class ChatAnswer(BaseModel):
    """POST /v1/chat/completions."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage | None = None


class ModelEntry(BaseModel):
    """A name that may be asked."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    """GET /v1/models."""

    object: Literal["list"]
    data: list[ModelEntry]


class Health(BaseModel):
    """GET /healthz."""

    status: str
    version: int | None
    reason: str


def text_logprobs(tokens: Sequence[TokenText], *, num_top: int) -> dict[str, Any]:
    """Logprobs as text completions have them."""
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [dict(reversed(token.top)) for token in tokens] if num_top else None,
        "text_offset": [token.offset for token in tokens],
    }


def chat_logprobs(tokens: Sequence[TokenText]) -> dict[str, Any]:
    """Logprobs as messages have them."""
    content = [
        {**_token(token.text, token.logprob), "top_logprobs": [_token(*other) for other in token.top]}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def usage(*, num_prompt: int, num_completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": num_prompt,
        "completion_tokens": num_completion,
        "total_tokens": num_prompt + num_completion,
    }


def _token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
