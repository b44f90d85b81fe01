"""What a replica asks of an engine. No vLLM is imported here, so that samplers stay light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sparring.serving.requests import Completion, SampleRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedWeights:
    """A published version, checked and in memory."""

    number: int
    directory: Path
    tensors: Mapping[str, Any] = field(repr=False)
    num_bytes: int


class Engine(Protocol):
    """Samples completions step by step; whoever owns it makes the steps."""

    @property
    def version(self) -> int:
        """The version that new requests are sampled with."""

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""

    def add(self, request: SampleRequest) -> None:
        """Begin a request.

        Raises:   UsageError: it has no room for a completion, or tokens outside the vocabulary.
        """

    def step(self) -> list[Completion]:
        """Advance every running sample by about one token; returns those that ended."""

    def swap(self, staged: StagedWeights) -> None:
        """Begin to sample with newer weights; running samples go on. Never backwards: an older one is ignored."""

    def abort(self, request_ids: Sequence[str]) -> None:
        """Forget requests; nothing more is returned of them."""
