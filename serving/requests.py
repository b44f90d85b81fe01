"""What a replica is asked and what it answers; both cross processes as MessagePack (core/wire.py)."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.core.types import FinishReason, VersionSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """``num_samples`` independent completions of one prompt. Sample i is drawn with seed ``seed + i``."""

    request_id: str
    prompt_ids: tuple[int, ...]
    num_samples: int
    temperature: float  # 0: greedy
    top_p: float
    max_tokens: int
    stop: tuple[str, ...]  # texts that end a completion and stay in it
    stop_token_ids: tuple[int, ...]  # tokens that do the same
    seed: int  # 0 <= seed < 2**62
    pinned: bool = False  # all its tokens are sampled by one version: the next but one waits for its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A sample that goes on: what it has so far."""

    request_id: str
    index: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    number: int  # version of its first token


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Sample ``index`` of a request; all per-token fields have the length of ``token_ids``."""

    request_id: str
    index: int
    token_ids: tuple[int, ...]  # the end token included where one was sampled
    logprobs: tuple[float, ...]  # natural log, of the distribution each token was drawn from
    version_spans: tuple[VersionSpan, ...]
    finish_reason: FinishReason
