"""Requests in OpenAI's shape, as far as they are understood here, and what every one of them comes down to.

What would change an answer and is not supported is refused, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

MAX_TOP = 20  # most probable tokens beside a sampled one; vLLM's own limit
MAX_STOPS, MAX_STOP_CHARACTERS = 4, 128
MAX_MESSAGES = 1024
SEEDS = 2**62  # one more than the largest; larger and negative ones are taken modulo this


def _whole(text: str) -> str:
    """JSON can spell half a character (\\ud800), which no tokenizer takes and no answer can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half a surrogate pair; send whole characters") from error
    return text


Text = Annotated[StrictStr, AfterValidator(_whole)]
TokenIds = Annotated[list[Annotated[StrictInt, Field(ge=0, lt=2**31)]], Field(min_length=1)]
Stop = Annotated[Text, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Request(BaseModel):
    """What both kinds of request share."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[Text, Field(max_length=256)]
    n: Annotated[StrictInt, Field(ge=1, le=128)] | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None = None
    seed: Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)] | None = None
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    user: Text | None = None
    # Accepted with the value that changes nothing.
    presence_penalty: Annotated[Number, Field(ge=0, le=0)] | None = None
    frequency_penalty: Annotated[Number, Field(ge=0, le=0)] | None = None
    logit_bias: Annotated[dict[str, Any], Field(max_length=0)] | None = None


class StreamOptions(BaseModel):
    """What a stream tells beside tokens."""

    model_config = ConfigDict(extra="ignore")

    include_usage: StrictBool | None = None


class CompletionRequest(Request):
    """POST /v1/completions."""

    prompt: (
        Text | TokenIds | Annotated[list[Text], Field(min_length=1)] | Annotated[list[TokenIds], Field(min_length=1)]
    )
    max_tokens: Annotated[StrictInt, Field(ge=1, le=2**31)] | None = None
    logprobs: Annotated[StrictInt, Field(ge=0, le=MAX_TOP)] | None = None
    echo: Literal[False] | None = None
    best_of: Annotated[StrictInt, Field(ge=1, le=128)] | None = None
    suffix: None = None


class Part(BaseModel):
    """A part of a message: text alone is understood."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[Part], Field(min_length=1)]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ResponseFormat(BaseModel):
    """Free text is the only one."""

    type: Literal["text"]


class ChatRequest(Request):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_tokens: Annotated[StrictInt, Field(ge=1, le=2**31)] | None = None
    max_completion_tokens: Annotated[StrictInt, Field(ge=1, le=2**31)] | None = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[StrictInt, Field(ge=0, le=MAX_TOP)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None


def stops(request: Request) -> tuple[str, ...]:
    """Texts that end a completion."""
    if request.stop is None:
        return ()
    return (request.stop,) if isinstance(request.stop, str) else tuple(request.stop)


def num_top(request: Request) -> int | None:
    """Most probable tokens wanted beside each sampled one; None: no logprobs at all."""
    if isinstance(request, ChatRequest):
        return (request.top_logprobs or 0) if request.logprobs else None
    assert isinstance(request, CompletionRequest)
    return request.logprobs


def max_tokens(request: Request) -> int | None:
    """Tokens a completion may have, as asked."""
    if isinstance(request, ChatRequest):
        return request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    assert isinstance(request, CompletionRequest)
    return 16 if request.max_tokens is None else request.max_tokens  # 16 is what OpenAI's documentation says


Request.model_rebuild()
CompletionRequest.model_rebuild()
ChatRequest.model_rebuild()
