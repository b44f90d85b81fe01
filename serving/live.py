"""One sample while it is drawn: its tokens, which version drew each, and whether a stop text has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sparring.core.types import FinishReason, VersionSpan
from sparring.serving.requests import Completion, Progress, SampleRequest

Decode = Callable[[Sequence[int]], str]

# A character can take several tokens (bytes of UTF-8), so a stop text is looked for in the text of this many
# tokens more than it has characters.
EXTRA_TOKENS = 8


class VersionLog:
    """Which version sampled which tokens, as runs in order."""

    def __init__(self) -> None:
        self._runs: list[list[int]] = []  # [version, num_tokens]

    def record(self, version: int, num_tokens: int) -> None:
        """``num_tokens`` more tokens were sampled by ``version``.

        Raises:   ValueError: an older version than the last: weights never go back.
        """
        if not num_tokens:
            return
        if self._runs and version < self._runs[-1][0]:
            raise ValueError(f"tokens of version {version} after tokens of version {self._runs[-1][0]}")
        if self._runs and self._runs[-1][0] == version:
            self._runs[-1][1] += num_tokens
        else:
            self._runs.append([version, num_tokens])

    def spans(self) -> tuple[VersionSpan, ...]:
        return tuple(VersionSpan(number=number, num_tokens=count) for number, count in self._runs)


@dataclass(slots=True, kw_only=True)
class LiveSample:
    """Sample ``index`` of ``request``, growing."""

    request: SampleRequest
    index: int
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    versions: VersionLog = field(default_factory=VersionLog)

    @property
    def seed(self) -> int:
        return self.request.seed + self.index

    @property
    def num_context(self) -> int:
        """Tokens that an engine must compute before it can sample the next one."""
        return len(self.request.prompt_ids) + len(self.token_ids)

    @property
    def num_left(self) -> int:
        """Tokens it may still grow by."""
        return self.request.max_tokens - len(self.token_ids)

    def grow(self, token_ids: Sequence[int], logprobs: Sequence[float], *, version: int) -> None:
        """Append tokens that ``version`` sampled."""
        self.token_ids.extend(token_ids)
        self.logprobs.extend(logprobs)
        self.versions.record(version, len(token_ids))

    def stopped(self, decode: Decode) -> bool:
        """Whether the newest token completed a stop text."""
        stop = self.request.stop
        if not stop:
            return False
        tail = decode(self.token_ids[-(max(map(len, stop)) + EXTRA_TOKENS) :])
        return any(text in tail for text in stop)

    def progress(self) -> Progress | None:
        """What there is so far, None before the first token; callable while another thread lets it grow."""
        spans = self.versions.spans()
        size = min(len(self.token_ids), len(self.logprobs))
        if not spans or not size:
            return None
        return Progress(
            request_id=self.request.request_id,
            index=self.index,
            token_ids=tuple(self.token_ids[:size]),
            logprobs=tuple(self.logprobs[:size]),
            number=spans[0].number,
        )

    def finished(self, reason: FinishReason) -> Completion:
        return Completion(
            request_id=self.request.request_id,
            index=self.index,
            token_ids=tuple(self.token_ids),
            logprobs=tuple(self.logprobs),
            version_spans=self.versions.spans(),
            finish_reason=reason,
        )
