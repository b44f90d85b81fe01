"""From tokens to the text, logprobs and stops that OpenAI's interface speaks of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.core.types import FinishReason
from sparring.serving.queries import Piece

# JSON has no infinity: a token that can not be sampled any more (top_p) has this logprob.
LEAST = -9999.0

Decode = Callable[[Sequence[int]], str]

# A character may take several tokens (bytes of UTF-8): until the last one it decodes to this.
INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText:
    """One token as clients see it."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...]
    offset: int  # characters of completion before it


@dataclass(slots=True, kw_only=True)
class Wording:
    """The text of one completion as it grows; never takes a character back that was given out."""

    decode: Decode
    stop: tuple[str, ...]  # not part of the text
    end_ids: tuple[int, ...]  # nor are these
    with_tokens: bool  # whether anybody asked for logprobs
    finish_reason: FinishReason | None = None
    num_tokens: int = 0
    tokens: list[TokenText] = field(default_factory=list)
    _ids: list[int] = field(default_factory=list)
    _given: int = 0  # characters
    _given_tokens: int = 0

    def add(self, piece: Piece) -> None:
        """Take the tokens of a piece."""
        self.num_tokens += len(piece.token_ids)
        self.finish_reason = piece.finish_reason
        for place, token_id in enumerate(piece.token_ids):
            if self.with_tokens:
                top = piece.top[place] if piece.top else ()
                self.tokens.append(self._shown(token_id, logprob=piece.logprobs[place], top=top))
            if token_id not in self.end_ids:
                self._ids.append(token_id)

    def _shown(self, token_id: int, *, logprob: float, top: Sequence[tuple[int, float]]) -> TokenText:
        others = tuple((self.decode([other]), max(each, LEAST)) for other, each in top)
        return TokenText(
            text=self.decode([token_id]), logprob=max(logprob, LEAST), top=others, offset=len(self.decode(self._ids))
        )

    def take(self) -> tuple[str, list[TokenText]]:
        """Text and tokens that were not given out yet and can not change any more."""
        text = self.text
        fresh, self._given = text[self._given :], max(self._given, len(text))
        tokens, self._given_tokens = self.tokens[self._given_tokens :], len(self.tokens)
        return fresh, tokens

    @property
    def text(self) -> str:
        """What is certain so far: up to a stop, and without what may become one."""
        text = self.decode(self._ids)
        cut = min((place for stop in self.stop if (place := text.find(stop)) >= 0), default=None)
        if cut is not None:
            return text[:cut]
        if self.finish_reason is not None:
            return text
        text = text.rstrip(INCOMPLETE)
        return text[: len(text) - _held(text, self.stop)]


def _held(text: str, stop: Iterable[str]) -> int:
    """Characters at the end of ``text`` that a stop may begin with."""
    return max(
        (size for each in stop for size in range(min(len(each) - 1, len(text)), 0, -1) if text.endswith(each[:size])),
        default=0,
    )


def decoder_of(tokenizer: Any) -> Decode:
    """Text of tokens, special ones included: role tokens are what some policies answer in."""
    return lambda ids: str(tokenizer.decode(list(ids), skip_special_tokens=False))
