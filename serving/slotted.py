"""Several versions of a policy in one process, each in a decoder of its own, stepped by their owner.

    slot 0   v41 v41 v41 v41  -    -   load v43      a version stays until its last query has ended:
    slot 1    -  load v42 v42 v42 v42 v42 v42        no query ever sees two versions
    slot 2   v7  v7  v7   v7  v7  v7   v7  v7        one that was asked for by name

Who may use which slot is decided outside (shelf.py); here samples are drawn and weights are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sparring.core.types import FinishReason
from sparring.serving.decoder import Decoder
from sparring.serving.live import LiveSample
from sparring.serving.port import StagedWeights
from sparring.serving.queries import Piece, Query
from sparring.serving.settings import EngineSettings

UNLOADED = -1  # the version of a decoder that was built and holds nothing published


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A slot holds a version now."""

    slot: int
    number: int


@dataclass(slots=True, kw_only=True)
class _Sample:
    """One completion while it is drawn."""

    live: LiveSample
    query: Query
    index: int
    slot: int
    top: list[tuple[tuple[int, float], ...]] = field(default_factory=list)
    num_told: int = 0  # tokens already in a piece

    def piece(self, reason: FinishReason | None) -> Piece:
        begin, self.num_told = self.num_told, len(self.live.token_ids)
        return Piece(
            query_id=self.query.query_id,
            index=self.index,
            token_ids=tuple(self.live.token_ids[begin:]),
            logprobs=tuple(self.live.logprobs[begin:]),
            top=tuple(self.top[begin:]) if self.query.num_top else (),
            finish_reason=reason,
        )


class SlottedEngine:
    """Decoders side by side; not thread-safe: one thread steps it and gives it its orders."""

    def __init__(self, settings: EngineSettings, *, tokenizer: Any, num_slots: int) -> None:
        self._decode = lambda ids: str(tokenizer.decode(ids, skip_special_tokens=False))
        self._decoders = [Decoder(settings, version=UNLOADED) for _ in range(num_slots)]
        self._keys = count()
        self._samples: dict[str, _Sample] = {}
        self._loads: list[tuple[int, StagedWeights, Iterator[None]]] = []

    @property
    def has_work(self) -> bool:
        return bool(self._samples or self._loads)

    def load(self, slot: int, staged: StagedWeights) -> None:
        """Begin to load a version into an empty slot, a portion a step."""
        decoder = self._decoders[slot]
        assert decoder.is_empty
        decoder.flush()  # what was aborted is still in the model's own batch
        self._loads.append((slot, staged, decoder.load(staged)))

    def add(self, slot: int, query: Query) -> None:
        """Begin a query on the version in ``slot``; its requests fit the model (``RequestCheck``)."""
        index = 0
        for request in query.requests:
            for sample in range(request.num_samples):
                key = str(next(self._keys))
                live = LiveSample(request=request, index=sample)
                self._samples[key] = _Sample(live=live, query=query, index=index, slot=slot)
                self._decoders[slot].add(
                    key,
                    request.prompt_ids,
                    temperature=request.temperature,
                    top_p=request.top_p,
                    max_tokens=request.max_tokens,
                    stop_token_ids=request.stop_token_ids,
                    seed=live.seed,
                    num_top=query.num_top,
                )
                index += 1

    def abort(self, query_ids: set[str]) -> None:
        """Forget queries; nothing more is returned of them."""
        for key in [key for key, sample in self._samples.items() if sample.query.query_id in query_ids]:
            self._decoders[self._samples.pop(key).slot].remove([key])

    def step(self) -> list[Piece | Loaded]:
        """One token for every running sample, one portion for every load."""
        told: list[Piece | Loaded] = self._advance_loads()
        for slot, decoder in enumerate(self._decoders):
            if not decoder.is_empty:
                told += self._take(slot, decoder)
        return told

    def _take(self, slot: int, decoder: Decoder) -> list[Piece]:
        pieces = []
        for tokens in decoder.step():
            sample = self._samples[tokens.key]
            sample.top += tokens.top
            reason = decoder.grow(sample.live, tokens, decode=self._decode)
            if reason is not None:
                del self._samples[tokens.key]
            if reason is not None or sample.query.stream:
                pieces.append(sample.piece(reason))
        return pieces

    def _advance_loads(self) -> list[Piece | Loaded]:
        done: list[Piece | Loaded] = []
        for load in list(self._loads):
            slot, staged, rest = load
            if next(rest, _END) is _END:
                self._loads.remove(load)
                done.append(Loaded(slot=slot, number=staged.number))
        return done


_END = object()
