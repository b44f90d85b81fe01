"""The engine of a replica: samples in flight, and weights that change under them.

At a swap on a CPU two decoders share the work, so that nobody waits for the recomputation of all running samples:

    step        1     2     3     4     5     6     7
    decoder A   old   old   old   old   old   -     -      decodes what has not moved yet
    decoder B   load  load  new   new   new   new   new    takes new requests and some running samples a step

A sample that moves is computed anew from its first token (keys and values of old weights would be wrong under new
ones) and goes on under the new version. On a GPU there is one decoder, which does all of that at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from time import perf_counter
from typing import Any

from sparring.core.errors import UsageError
from sparring.serving.decoder import Decoder
from sparring.serving.live import LiveSample
from sparring.serving.port import StagedWeights
from sparring.serving.requests import Completion, SampleRequest
from sparring.serving.seeds import resumed_seed
from sparring.serving.settings import EngineSettings
from sparring.serving.transfer import forget

# Context tokens recomputed in one step of a swap. A CPU computes about this many in the time of half a decode step
# of 64 samples (docs/decisions/0001), and the second decoder's own step costs about one: together under two.
MOVE_TOKENS = 128


class SteppedEngine:
    """The ``Engine`` (port.py) in this process: vLLM, stepped by its owner."""

    def __init__(self, settings: EngineSettings, *, tokenizer: Any, version: int = 0) -> None:
        self.settings = settings
        self.num_sampled = 0  # tokens, so far
        self.num_swaps = 0
        self.pause_s = 0.0  # longest time that one step of the newest swap took from decoding
        self._decode = lambda ids: str(tokenizer.decode(ids, skip_special_tokens=False))
        self._num_tokens = len(tokenizer)
        self._keys = count()
        self._live: dict[str, LiveSample] = {}
        self._active = Decoder(settings, version=version)
        self._spare = Decoder(settings, version=version) if settings.rolling else None
        self._retiring: Decoder | None = None  # still decodes samples of the version before
        self._loading: Iterator[None] | None = None
        self._waiting: StagedWeights | None = None  # the newest version asked for, while another one comes in
        self._held: list[SampleRequest] = []  # pinned, for the version that is about to come in place

    @property
    def version(self) -> int:
        return self._active.version

    @property
    def has_work(self) -> bool:
        return bool(self._live) or self.is_swapping

    @property
    def is_swapping(self) -> bool:
        return self._loading is not None or self._retiring is not None or self._waiting is not None

    @property
    def live(self) -> Sequence[LiveSample]:
        """Every sample in flight."""
        return list(self._live.values())

    def check(self, request: SampleRequest) -> None:
        """Callable from any thread.

        Raises:   UsageError: the request has no room for a completion, or tokens outside the vocabulary.
        """
        room = self.settings.max_model_len - len(request.prompt_ids)
        if not request.prompt_ids or not 0 < request.max_tokens <= room:
            raise UsageError(
                f"request {request.request_id}: {len(request.prompt_ids)} prompt tokens and max_tokens "
                f"{request.max_tokens} where {self.settings.max_model_len} fit; shorten the prompt or the answer"
            )
        if not all(0 <= token < self._num_tokens for token in request.prompt_ids):
            raise UsageError(f"request {request.request_id}: token ids outside the vocabulary of {self._num_tokens}")

    def add(self, request: SampleRequest) -> None:
        self.check(request)
        if request.pinned and not self.settings.rolling and self._waiting is not None:
            self._held.append(request)
            return
        self._begin(request)

    def _begin(self, request: SampleRequest) -> None:
        for index in range(request.num_samples):
            self._start(LiveSample(request=request, index=index))

    def abort(self, request_ids: Sequence[str]) -> None:
        gone = set(request_ids)
        self._held = [request for request in self._held if request.request_id not in gone]
        keys = [key for key, sample in self._live.items() if sample.request.request_id in gone]
        for key in keys:
            del self._live[key]
        for decoder in self._decoders():
            decoder.remove(keys)

    def swap(self, staged: StagedWeights) -> None:
        newest = self._waiting.number if self._waiting else self.version
        if staged.number <= newest:
            forget(staged)
            return
        if self._waiting is not None:
            forget(self._waiting)
        self._waiting = staged
        if not self._live:
            self.settle()

    def settle(self) -> None:
        """Finish a swap at once; only possible when nothing runs."""
        while self.is_swapping and not self._live:
            self._advance_swap()

    def step(self) -> list[Completion]:
        began = perf_counter()
        was_swapping = self.is_swapping
        if was_swapping:
            self._advance_swap()
        ended: list[Completion] = []
        longest_s = 0.0
        for decoder in self._decoders():
            step_began = perf_counter()
            if not decoder.is_empty:
                ended += self._take(decoder)
            longest_s = max(longest_s, perf_counter() - step_began)
        if was_swapping:
            self.pause_s = max(self.pause_s, perf_counter() - began - longest_s)
        return ended

    def close(self) -> None:
        """End vLLM in this process, which ends every other engine of it too."""
        for decoder in {id(d): d for d in (self._active, self._spare, self._retiring) if d is not None}.values():
            decoder.close()

    def _decoders(self) -> list[Decoder]:
        return [self._active] if self._retiring is None else [self._retiring, self._active]

    def _start(self, sample: LiveSample) -> None:
        """Put a new or a moved sample into the active decoder."""
        request, num_tokens = sample.request, len(sample.token_ids)
        key = str(next(self._keys))
        self._live[key] = sample
        self._active.add(
            key,
            [*request.prompt_ids, *sample.token_ids],
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=sample.num_left,
            stop_token_ids=request.stop_token_ids,
            seed=resumed_seed(sample.seed, num_tokens) if num_tokens else sample.seed,
        )

    def _take(self, decoder: Decoder) -> list[Completion]:
        """One step of ``decoder``; returns the completions that ended in it."""
        ended = []
        for tokens in decoder.step():
            sample = self._live[tokens.key]
            self.num_sampled += len(tokens.token_ids)
            reason = decoder.grow(sample, tokens, decode=self._decode)
            if reason is not None:
                del self._live[tokens.key]
                ended.append(sample.finished(reason))
        return ended

    def _advance_swap(self) -> None:
        """Do one step's share of a swap: load a portion, or move some samples."""
        if self._loading is not None:
            self._loading = None if next(self._loading, _END) is _END else self._loading
        elif self._retiring is not None:
            self._move(MOVE_TOKENS)
        elif self._waiting is not None and not self._is_pinned:
            staged, self._waiting = self._waiting, None
            self.pause_s = 0.0
            self._loading = self._load(staged)
            self._advance_swap()

    @property
    def _is_pinned(self) -> bool:
        """Whether weights may not change in place, because of samples that must end with those they began with."""
        return not self.settings.rolling and any(sample.request.pinned for sample in self._live.values())

    def _load(self, staged: StagedWeights) -> Iterator[Any]:
        """Load into the decoder that takes over, a portion a step; in place where there is only one."""
        decoder = self._active if self._spare is None else self._spare
        for _ in decoder.load(staged):
            if self._spare is not None:
                yield None
        self.num_swaps += 1
        held, self._held = self._held, []
        for request in held:
            self._begin(request)
        if self._spare is not None:
            self._retiring, self._active, self._spare = self._active, self._spare, None

    def _move(self, max_tokens: int) -> None:
        """Move running samples to the active decoder, the youngest first: old ones may end before their turn.

        Pinned ones stay until they end; only the next swap waits for them.
        """
        assert self._retiring is not None
        here = [key for key in reversed(self._live) if key in self._retiring]
        mine = [key for key in here if not self._live[key].request.pinned]
        moved: list[str] = []
        num_tokens = 0
        for key in mine:
            num_tokens += self._live[key].num_context
            if moved and num_tokens > max_tokens:
                break
            moved.append(key)
        self._retiring.remove(moved)
        for key in moved:
            self._start(self._live.pop(key))
        if len(moved) == len(here):
            self._retiring.flush()
            self._retiring, self._spare = None, self._retiring


_END = object()
