"""The real engine: logprobs, in-flight swaps, stops and seeds, against a Hugging Face forward pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.types import FinishReason
from sparring.serving.requests import Completion, SampleRequest
from sparring.serving.settings import EngineSettings, prepare_environment
from sparring.serving.tokenizer import load_tokenizer

pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore"),  # of vLLM and what it imports, not of ours
]

TOLERANCE = 1e-4  # nats, float32
END = 2


@dataclasses.dataclass(frozen=True)
class InPlace(EngineSettings):
    """As on a GPU: one decoder, everything recomputed at once."""

    @property
    def rolling(self) -> bool:
        return False


# Engines are not closed here: vLLM's process groups belong to the process, and closing one engine ends them all.
def build(config: RunConfig, *, kind: type[EngineSettings] = EngineSettings) -> Any:
    settings = kind(
        **{field.name: getattr(EngineSettings.of(config), field.name) for field in dataclasses.fields(kind)}
    )
    prepare_environment(settings)
    from sparring.serving.engine import SteppedEngine

    return SteppedEngine(settings, tokenizer=load_tokenizer(config.policy.model))


@pytest.fixture(scope="module")
def shared(tiny_model: Path) -> Any:
    """An engine for tests that leave its weights alone."""
    config = {"policy": {"model": tiny_model, "dtype": "float32"}, "rollout": {"max_num_seqs": 64, "kv_cache_mib": 32}}
    return build(RunConfig.model_validate(config))


def a_request(request_id: str = "r", **changes: Any) -> SampleRequest:
    base = SampleRequest(
        request_id=request_id,
        prompt_ids=tuple(range(10, 40)),
        num_samples=1,
        temperature=1.0,
        top_p=1.0,
        max_tokens=40,
        stop=(),
        stop_token_ids=(),
        seed=11,
    )
    return dataclasses.replace(base, **changes)


def run(engine: Any, requests: list[SampleRequest]) -> dict[tuple[str, int], Completion]:
    for request in requests:
        engine.add(request)
    done: dict[tuple[str, int], Completion] = {}
    while engine.has_work:
        done |= {(each.request_id, each.index): each for each in engine.step()}
    return done


def largest_gap(
    completion: Completion, request: SampleRequest, expected: Callable[..., list[float]], versions: Mapping[int, Path]
) -> float:
    twin = expected(
        versions,
        prompt_ids=request.prompt_ids,
        token_ids=completion.token_ids,
        version_spans=completion.version_spans,
        temperature=request.temperature or 1.0,
        top_p=request.top_p,
    )
    return max(abs(a - b) for a, b in zip(completion.logprobs, twin, strict=True))


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 1.0), (1.0, 0.8), (0.6, 0.9), (0.0, 1.0)])
def test_behaviour_logprobs_are_those_of_the_distribution_sampled_from(
    shared: Any, expected_logprobs: Callable[..., list[float]], temperature: float, top_p: float
) -> None:
    request = a_request(temperature=temperature, top_p=top_p, num_samples=4)
    done = run(shared, [request])
    assert len(done) == 4
    assert max(largest_gap(each, request, expected_logprobs, {}) for each in done.values()) < TOLERANCE


def test_greedy_and_sampled_requests_in_one_batch_keep_their_own_distributions(
    shared: Any, expected_logprobs: Callable[..., list[float]]
) -> None:
    requests = [a_request("greedy", temperature=0.0), a_request("cold", temperature=0.5), a_request("plain")]
    done = run(shared, requests)
    for request in requests:
        assert largest_gap(done[request.request_id, 0], request, expected_logprobs, {}) < TOLERANCE


def test_a_swap_in_flight_keeps_every_request_and_every_logprob_right(
    run_config: RunConfig, publish: Callable[..., Path], expected_logprobs: Callable[..., list[float]]
) -> None:
    for kind in (EngineSettings, InPlace):
        spans = swap_in_flight(run_config, publish, expected_logprobs, kind=kind)
        # Samples began with version 0, and nobody's tokens come from one version alone but those that began late.
        assert spans[0] > 4, f"{kind.__name__}: hardly any sample lived through a swap"


def swap_in_flight(
    config: RunConfig, publish: Callable[..., Path], expected: Callable[..., list[float]], *, kind: type[EngineSettings]
) -> tuple[int, int]:
    """Two swaps under twelve running samples; returns how many samples have tokens of several versions, and of one."""
    from sparring.serving.transfer import Stager

    engine = build(config, kind=kind)
    stager = Stager(config.policy.model, policy="base")
    base = 0 if kind is EngineSettings else 10
    versions = {base + number: publish(base + number) for number in (1, 2)}
    requests = [a_request(f"r{i}", num_samples=4, max_tokens=90, seed=100 * i) for i in range(3)]
    for request in requests:
        engine.add(request)
    done, steps = [], 0
    while engine.has_work:
        if steps in (10, 50):
            engine.swap(stager.stage(versions[base + (1 if steps == 10 else 2)]))
        done += engine.step()
        steps += 1
    assert engine.version == base + 2
    assert len(done) == 12
    assert all(len(each.token_ids) == 90 for each in done)
    for each in done[::3]:
        request = next(request for request in requests if request.request_id == each.request_id)
        assert largest_gap(each, request, expected, versions) < TOLERANCE
    mixed = sum(len(each.version_spans) > 1 for each in done)
    return mixed, len(done) - mixed


def test_new_requests_after_a_swap_equal_those_of_an_engine_started_on_the_new_weights(
    run_config: RunConfig, publish: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    import shutil

    from sparring.serving.transfer import Stager

    directory = publish(1)
    fresh_model = shutil.copytree(tiny_model, tmp_path / "fresh")
    shutil.copy(directory / "model.safetensors", fresh_model / "model.safetensors")
    fresh_config = run_config.model_copy(update={"policy": run_config.policy.model_copy(update={"model": fresh_model})})
    swapped, fresh = build(run_config), build(fresh_config)
    swapped.swap(Stager(tiny_model, policy="base").stage(directory))
    assert swapped.version == 1  # nothing ran, so the swap is complete at once
    request = a_request(num_samples=4)
    ours, theirs = run(swapped, [request]), run(fresh, [request])
    for key, completion in ours.items():
        assert completion.token_ids == theirs[key].token_ids
        assert completion.logprobs == pytest.approx(theirs[key].logprobs, abs=1e-5)


def test_weights_never_go_back(run_config: RunConfig, publish: Callable[..., Path], tiny_model: Path) -> None:
    from sparring.serving.transfer import Stager

    engine, stager = build(run_config), Stager(tiny_model, policy="base")
    versions = {number: publish(number) for number in (1, 2, 3)}
    engine.swap(stager.stage(versions[2]))
    engine.swap(stager.stage(versions[1]))
    assert engine.version == 2
    engine.add(a_request())
    engine.step()
    for number in (3, 1):
        engine.swap(stager.stage(versions[number]))
    while engine.has_work:
        engine.step()
    assert (engine.version, engine.num_swaps) == (3, 2)


def test_four_samples_differ_and_repeat_with_their_seeds_in_any_company(run_config: RunConfig, shared: Any) -> None:
    request = a_request(num_samples=4)
    alone = run(shared, [request])
    other = build(run_config)
    among = run(other, [a_request("noise", seed=99, num_samples=3), request])
    texts = [alone["r", index].token_ids for index in range(4)]
    assert texts == [among["r", index].token_ids for index in range(4)]
    assert len(set(texts)) == 4


def test_a_stop_text_ends_a_completion_and_stays_in_it(shared: Any, tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    free = run(shared, [a_request()])["r", 0].token_ids
    text = tokenizer.decode(free[7:9])
    where = tokenizer.decode(free).index(text)
    stopped = run(shared, [a_request(stop=(text,))])["r", 0]
    assert stopped.finish_reason is FinishReason.STOP
    assert tokenizer.decode(stopped.token_ids) == tokenizer.decode(free)[: where + len(text)]
    assert len(stopped.logprobs) == len(stopped.token_ids)


def test_an_end_token_is_part_of_the_completion(shared: Any) -> None:
    free = run(shared, [a_request()])["r", 0].token_ids
    stopped = run(shared, [a_request(stop_token_ids=(free[5],))])["r", 0]
    assert stopped.finish_reason is FinishReason.STOP
    assert stopped.token_ids == free[: free.index(free[5]) + 1]


def test_a_completion_that_fills_its_room_ends_for_its_length(shared: Any) -> None:
    done = run(shared, [a_request(max_tokens=3), a_request("full", prompt_ids=(5,) * 200, max_tokens=56)])
    assert [done[key, 0].finish_reason for key in ("r", "full")] == [FinishReason.LENGTH] * 2
    assert [len(done[key, 0].token_ids) for key in ("r", "full")] == [3, 56]


def test_an_aborted_request_returns_nothing(shared: Any) -> None:
    shared.add(a_request("gone", num_samples=2))
    shared.add(a_request("kept"))
    shared.step()
    shared.abort(["gone"])
    ended = []
    while shared.has_work:
        ended += shared.step()
    assert [each.request_id for each in ended] == ["kept"]


def test_a_request_without_room_is_refused(shared: Any) -> None:
    with pytest.raises(UsageError, match="200 prompt tokens and max_tokens 57 where 256 fit"):
        shared.add(a_request(prompt_ids=(5,) * 200, max_tokens=57))
    with pytest.raises(UsageError, match="outside the vocabulary"):
        shared.add(a_request(prompt_ids=(5, 100_000)))
    assert not shared.has_work


@pytest.mark.parametrize("kind", [EngineSettings, InPlace])
def test_a_pinned_request_ends_with_the_version_it_began_with_and_others_move_on(
    run_config: RunConfig,
    publish: Callable[..., Path],
    expected_logprobs: Callable[..., list[float]],
    kind: type[EngineSettings],
) -> None:
    from sparring.serving.transfer import Stager

    engine, stager = build(run_config, kind=kind), Stager(run_config.policy.model, policy="base")
    versions = {number: publish(number) for number in (1, 2)}
    requests = [a_request(f"p{i}", num_samples=2, max_tokens=60, seed=i, pinned=True) for i in range(3)]
    free = a_request("free", num_samples=2, max_tokens=90, seed=9)
    engine.add(requests[0])
    engine.add(free)
    done, steps = [], 0
    while engine.has_work:
        if steps in (10, 20):
            engine.swap(stager.stage(versions[steps // 10]))
            engine.add(requests[steps // 10])
        done += engine.step()
        steps += 1
    assert engine.version == 2
    assert len(done) == 8
    for each in done:
        request = next(one for one in [*requests, free] if one.request_id == each.request_id)
        assert len(each.version_spans) == 1 or request is free
        assert largest_gap(each, request, expected_logprobs, versions) < TOLERANCE
    assert any(len(each.version_spans) > 1 for each in done if each.request_id == "free")
