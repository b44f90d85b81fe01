"""What a weight swap costs the samples that are running, in decode steps.

Three ways: ``ours`` (the engine's own), ``pause`` (swap in place and recompute everything at once) and ``wait`` (start
nothing new, let all end, swap, go on). The load is always ``concurrency`` samples; whenever one ends, another begins.
Times are wall clock; ``quiet_*`` is the statistic of ``ours`` over as many steps without a swap: the machine's noise.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

from sparring.core.errors import UsageError
from sparring.serving.bench_twin import logprob_error, write_version
from sparring.serving.requests import Completion, SampleRequest
from sparring.serving.settings import EngineSettings, model_length, prepare_environment
from sparring.serving.tokenizer import load_tokenizer

NUM_PROMPT, NUM_ANSWER = 60, (6, 60)  # tokens: the lengths of the quickstart's work
STEPS_BETWEEN = 24  # undisturbed steps between two swaps: the normal step time
NUM_CHECKED = 24  # completions compared with a forward pass
POLICY = "bench"


@dataclasses.dataclass(frozen=True, slots=True)
class _InPlace(EngineSettings):
    """One decoder: everything is recomputed at once."""

    @property
    def rolling(self) -> bool:
        return False


@dataclasses.dataclass(slots=True)
class _Result:
    """Extra inter-token gaps in decode steps, one per sample and swap, and what they are measured in."""

    gaps: list[float] = dataclasses.field(default_factory=list)
    quiet_gaps: list[float] = dataclasses.field(default_factory=list)
    steps_s: list[float] = dataclasses.field(default_factory=list)
    pauses_s: list[float] = dataclasses.field(default_factory=list)
    completions: list[tuple[SampleRequest, Completion]] = dataclasses.field(default_factory=list)


def bench_weights(model: Path, *, swaps: int, concurrency: int) -> dict[str, float]:
    """Swap ``swaps`` times under a steady load; returns gaps in decode steps, times in ms, the logprob error in nats.

    Raises:   UsageError: no such model, or fewer than two swaps.
    """
    if swaps < 2:
        raise UsageError(f"{swaps} swaps have no 99th percentile; give --swaps 100 or more")
    load_tokenizer(model)
    few = max(swaps // 8, 2)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as store:
        ours = _Load(model, Path(store), concurrency=concurrency, kind=EngineSettings).run(swaps, wait=False)
        pause = _Load(model, Path(store), concurrency=concurrency, kind=_InPlace).run(few, wait=False)
        wait = _Load(model, Path(store), concurrency=concurrency, kind=EngineSettings).run(few, wait=True)
        error = logprob_error(model, ours.completions[-NUM_CHECKED:], version=lambda number: _source(model, number))
    return {
        **_percentiles("gap_decode_steps", ours.gaps),
        **_percentiles("pause_gap_decode_steps", pause.gaps),
        **_percentiles("wait_gap_decode_steps", wait.gaps),
        **_percentiles("quiet_gap_decode_steps", ours.quiet_gaps),
        "pause_ms_p50": 1000 * median(ours.pauses_s),
        "decode_step_ms_p50": 1000 * median(ours.steps_s),
        "logprob_error_max": error,
        "swaps": float(swaps),
        "concurrency": float(concurrency),
    }


class _Load:
    """A steady load on one engine, with swaps in between."""

    def __init__(self, model: Path, store: Path, *, concurrency: int, kind: type[EngineSettings]) -> None:
        settings = kind(
            model=model,
            policy=POLICY,
            dtype="float32",
            max_model_len=min(model_length(model), NUM_PROMPT + NUM_ANSWER[1]),
            max_num_seqs=concurrency,
            kv_cache_mib=64,
        )
        prepare_environment(settings)
        from sparring.serving.engine import SteppedEngine
        from sparring.serving.transfer import Stager

        self._engine = SteppedEngine(settings, tokenizer=load_tokenizer(model))
        self._stager = Stager(model, policy=POLICY)
        self._model, self._store, self._concurrency = model, Path(tempfile.mkdtemp(dir=store)), concurrency
        self._rng = Random(0)
        self._requests: dict[str, SampleRequest] = {}
        self._last: dict[str, float] = {}  # request: time of its newest token
        self._result = _Result()

    def run(self, swaps: int, *, wait: bool) -> _Result:
        """Swap ``swaps`` times; each gap is the longest one of a sample from the swap's beginning to its end."""
        self._fill()
        for _ in range(STEPS_BETWEEN):
            self._step()
        for number in range(self._engine.version + 1, self._engine.version + 1 + swaps):
            quiet, times = self._watched(self._quiet_steps)
            unit = median(times)
            self._result.steps_s.append(unit)
            self._result.quiet_gaps += [(gap - unit) / unit for gap in quiet]
            directory = write_version(_source(self._model, number), self._store, policy=POLICY, number=number)
            staged = self._stager.stage(directory)
            self._last = dict.fromkeys(self._last, perf_counter())  # writing and staging run beside decoding
            if wait:
                gaps = [self._drain_and(lambda staged=staged: self._engine.swap(staged))] * self._concurrency  # type: ignore[misc]
            else:
                self._engine.swap(staged)
                gaps, _ = self._watched(self._swap_steps)
            self._result.gaps += [(gap - unit) / unit for gap in gaps]
            self._result.pauses_s.append(self._engine.pause_s)
        return self._result

    def _quiet_steps(self) -> None:
        for _ in range(STEPS_BETWEEN):
            self._step()

    def _swap_steps(self) -> None:
        while self._engine.is_swapping:
            self._step()
        # In place, a request recomputes in its turn: until everyone running has a token of the new version.
        waiting = {id(sample) for sample in self._engine.live}
        while waiting:
            before = {id(sample): len(sample.token_ids) for sample in self._engine.live}
            self._step()
            grown = {id(sample) for sample in self._engine.live if len(sample.token_ids) > before.get(id(sample), 0)}
            waiting &= {id(sample) for sample in self._engine.live}
            waiting -= grown

    def _watched(self, steps: Callable[[], None]) -> tuple[list[float], list[float]]:
        """Longest gap of every sample during ``steps``, and the time of every step."""
        self._longest: dict[str, float] = {}
        self._times: list[float] = []
        steps()
        return list(self._longest.values()), self._times

    def _step(self, *, refill: bool = True) -> None:
        before = {sample.request.request_id: len(sample.token_ids) for sample in self._engine.live}
        began = perf_counter()
        ended = self._engine.step()
        now = perf_counter()
        grown = [
            sample.request.request_id
            for sample in self._engine.live
            if len(sample.token_ids) > before.get(sample.request.request_id, 0)
        ]
        for name in [*grown, *(completion.request_id for completion in ended)]:
            if name in self._last and hasattr(self, "_longest"):
                self._longest[name] = max(self._longest.get(name, 0.0), now - self._last[name])
            self._last[name] = now
        if hasattr(self, "_times"):
            self._times.append(now - began)
        for completion in ended:
            del self._last[completion.request_id]
            self._result.completions.append((self._requests.pop(completion.request_id), completion))
        del self._result.completions[:-200]
        if refill:
            self._fill()

    def _drain_and(self, swap: Callable[[], None]) -> float:
        """Seconds in which a slot of the engine gave no token, averaged over the slots."""
        began = perf_counter()
        freed: list[float] = []
        while self._engine.has_work:
            running = len(self._engine.live)
            self._step(refill=False)
            freed += [perf_counter()] * (running - len(self._engine.live))
        swap()
        self._fill()
        self._step()
        now = perf_counter()
        return sum(now - time for time in freed) / max(len(freed), 1) if freed else now - began

    def _fill(self) -> None:
        while len(self._engine.live) < self._concurrency:
            number = self._rng.randrange(2**40)
            request = SampleRequest(
                request_id=str(number),
                prompt_ids=tuple(self._rng.randrange(3, 60) for _ in range(NUM_PROMPT)),
                num_samples=1,
                temperature=1.0,
                top_p=1.0,
                max_tokens=self._rng.randint(*NUM_ANSWER),
                stop=(),
                stop_token_ids=(),
                seed=number,
            )
            self._requests[request.request_id] = request
            self._engine.add(request)


def _source(model: Path, number: int) -> tuple[Path, int]:
    """The weights of version ``number``: the model's own for 0, else with noise of one of two kinds."""
    return model, 1 + number % 2 if number else 0


def _percentiles(name: str, values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"{name}_p{p}": ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 99)}
