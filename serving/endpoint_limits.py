"""How much one key may ask, and all of them together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sparring.serving.endpoint_keys import Key
from sparring.serving.openai_errors import ApiError

MINUTE_S = 60.0


@dataclass(slots=True)
class Bucket:
    """Fills with ``per_minute`` units a minute up to as many; what is taken must be in it."""

    per_minute: int
    level: float = field(init=False)
    filled_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.level, self.filled_at = float(self.per_minute), -1.0

    def take(self, amount: float, *, now: float) -> float:
        """Take ``amount``; returns 0, or the seconds until there is enough and takes nothing."""
        if self.filled_at >= 0:
            self.level = min(self.per_minute, self.level + (now - self.filled_at) * self.per_minute / MINUTE_S)
        self.filled_at = now
        if amount > self.level:
            return (amount - self.level) * MINUTE_S / self.per_minute
        self.level -= amount
        return 0.0

    def give_back(self, amount: float) -> None:
        self.level = min(self.per_minute, self.level + amount)


@dataclass(slots=True)
class _Buckets:
    requests: Bucket
    tokens: Bucket


class Limits:
    """Counts requests and tokens of each key, and requests in flight."""

    def __init__(self, *, max_in_flight: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_in_flight, self._clock = max_in_flight, clock
        self._buckets: dict[str, _Buckets] = {}  # by name and limits: a rotated key goes on with what it had
        self.num_in_flight = 0

    def count_request(self, key: Key) -> None:
        """Raises:   ApiError: 429, too many requests in a minute."""
        self._take(self._of(key).requests, 1, key=key, what="requests", code="rate_limit_exceeded")

    def count_tokens(self, key: Key, amount: int) -> None:
        """Tokens of a prompt and the longest answer it may get; what is not sampled is given back.

        Raises:   ApiError: 429, too many tokens in a minute, or 400, more than a minute ever has.
        """
        bucket = self._of(key).tokens
        if amount > bucket.per_minute:
            raise ApiError(
                400,
                f"prompt and max_tokens come to {amount} tokens; key {key.name} has {bucket.per_minute} a minute",
                code="tokens_exceeded",
                param="max_tokens",
            )
        self._take(bucket, amount, key=key, what="tokens", code="rate_limit_exceeded")

    def give_back_tokens(self, key: Key, amount: int) -> None:
        self._of(key).tokens.give_back(amount)

    def enter(self) -> None:
        """A request begins to be worked on; ``leave`` once it ends.

        Raises:   ApiError: 503, too many of them.
        """
        if self.num_in_flight >= self._max_in_flight:
            raise ApiError(503, f"{self.num_in_flight} requests are in flight already; ask again", code="overloaded")
        self.num_in_flight += 1

    def leave(self) -> None:
        self.num_in_flight -= 1

    def _of(self, key: Key) -> _Buckets:
        name = f"{key.name}/{key.requests_per_minute}/{key.tokens_per_minute}"
        if name not in self._buckets:
            self._buckets[name] = _Buckets(Bucket(key.requests_per_minute), Bucket(key.tokens_per_minute))
        return self._buckets[name]

    def _take(self, bucket: Bucket, amount: int, *, key: Key, what: str, code: str) -> None:
        wait_s = bucket.take(amount, now=self._clock())
        if wait_s:
            raise ApiError(
                429,
                f"key {key.name} has {bucket.per_minute} {what} a minute; ask again in {wait_s:.1f} s",
                code=code,
                headers={"retry-after": str(max(1, round(wait_s)))},
            )
