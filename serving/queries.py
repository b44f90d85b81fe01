"""What the endpoint asks of whatever hosts its engines, and what it hears; both cross processes as MessagePack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sparring.core.types import FinishReason
from sparring.serving.requests import SampleRequest

Route = Literal["newest", "rollback", "canary", "named"]  # why a query was answered by the version it was


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One HTTP request: completions of some prompts, all by one version."""

    query_id: str
    requests: tuple[SampleRequest, ...]  # one a prompt, ids unique within the query
    version: int | None  # None: the one that answers by default
    num_top: int  # most probable tokens wanted beside each sampled one
    stream: bool  # tokens as they come; otherwise a completion in one piece

    @property
    def num_samples(self) -> int:
        return sum(request.num_samples for request in self.requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A query is being answered, wholly by this version."""

    number: int
    sha256: str
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A query can not be answered."""

    status: int  # HTTP
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some more tokens of completion ``index`` of a query: prompt ``index // n``, sample ``index % n``."""

    query_id: str
    index: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    top: tuple[tuple[tuple[int, float], ...], ...]
    finish_reason: FinishReason | None  # set on the last piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Taken or refused."""

    taken: Taken | None = None
    refused: Refused | None = None
    pieces: tuple[Piece, ...] = ()  # the whole answer, of a query that is no stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What came since the last call."""

    incarnation: str  # of the process that answers: another one knows nothing of earlier queries
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """Which versions answer queries that name none."""

    rollback: int | None = None  # instead of the newest
    canary: int | None = None  # answers ``share`` of them
    share: float = 0.0  # of 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """What people and /v1/models look at."""

    incarnation: str
    serving: int | None  # answers by default
    newest: int | None  # published
    retained: tuple[int, ...]  # may be asked by name
    loaded: tuple[int, ...]
    running: int  # queries
    refused: int  # damaged versions so far
    swaps: int
    problem: str  # why the wanted version does not answer; empty if it does
