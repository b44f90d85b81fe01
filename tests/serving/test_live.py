"""Bookkeeping of samples: versions, stop texts and seeds. Nothing here starts an engine."""

from __future__ import annotations

import pytest

from sparring.core.types import FinishReason, VersionSpan
from sparring.core.wire import decode, encode
from sparring.serving.live import LiveSample, VersionLog
from sparring.serving.requests import Completion, SampleRequest
from sparring.serving.seeds import derive_seed, resumed_seed


def a_request(*, stop: tuple[str, ...] = (), num_samples: int = 1) -> SampleRequest:
    return SampleRequest(
        request_id="t/solver/0",
        prompt_ids=(1, 2, 3),
        num_samples=num_samples,
        temperature=1.0,
        top_p=1.0,
        max_tokens=10,
        stop=stop,
        stop_token_ids=(2,),
        seed=5,
    )


def letters(ids: object) -> str:
    return bytes(ids).decode()  # type: ignore[arg-type, call-overload]


def test_tokens_of_one_version_make_one_span() -> None:
    log = VersionLog()
    for number in (3, 3, 3, 4, 4):
        log.record(number, 1)
    assert log.spans() == (VersionSpan(number=3, num_tokens=3), VersionSpan(number=4, num_tokens=2))


def test_a_swap_between_no_tokens_leaves_no_empty_span() -> None:
    log = VersionLog()
    log.record(1, 0)
    log.record(2, 2)
    assert log.spans() == (VersionSpan(number=2, num_tokens=2),)


def test_versions_never_go_back() -> None:
    log = VersionLog()
    log.record(2, 1)
    with pytest.raises(ValueError, match="version 1 after tokens of version 2"):
        log.record(1, 1)


def test_a_stop_text_over_several_tokens_is_seen_when_it_is_complete() -> None:
    sample = LiveSample(request=a_request(stop=("\n\n",)), index=0)
    seen = []
    for letter in b"ab\nc\n\n":
        sample.grow([letter], [-1.0], version=0)
        seen.append(sample.stopped(letters))
    assert seen == [False, False, False, False, False, True]


def test_a_stop_text_across_a_swap_is_seen() -> None:
    sample = LiveSample(request=a_request(stop=("</a>",)), index=0)
    sample.grow(list(b"x</"), [-1.0] * 3, version=0)
    sample.grow(list(b"a>"), [-1.0] * 2, version=1)
    assert sample.stopped(letters)


def test_a_finished_sample_survives_the_wire() -> None:
    sample = LiveSample(request=a_request(), index=3)
    sample.grow([7, 8], [-0.5, -0.25], version=9)
    completion = sample.finished(FinishReason.STOP)
    assert decode(encode([completion]), list[Completion]) == [completion]
    assert decode(encode([a_request()]), list[SampleRequest]) == [a_request()]


def test_what_is_left_and_what_must_be_recomputed_add_up() -> None:
    sample = LiveSample(request=a_request(), index=0)
    sample.grow([7, 8], [-0.5, -0.25], version=0)
    # 3 prompt tokens and 2 sampled ones; 10 allowed.
    assert (sample.num_context, sample.num_left) == (5, 8)


def test_seeds_depend_on_every_part_and_on_nothing_else() -> None:
    seeds = {
        derive_seed(*parts)
        for parts in [(0, "", "t", "solver", 0), (1, "", "t", "solver", 0), (0, "g", "t", "solver", 0),
                      (0, "", "u", "solver", 0), (0, "", "t", "proposer", 0), (0, "", "t", "solver", 1)]
    }  # fmt: skip
    assert len(seeds) == 6
    assert derive_seed(0, "", "t", "solver", 0) == derive_seed(0, "", "t", "solver", 0)
    assert all(0 <= seed < 2**62 for seed in seeds)


def test_parts_of_a_seed_can_not_run_into_each_other() -> None:
    assert derive_seed("ab", "c") != derive_seed("a", "bc")


def test_a_resumed_sample_draws_from_a_fresh_stream() -> None:
    assert len({5, resumed_seed(5, 1), resumed_seed(5, 2), resumed_seed(6, 1)}) == 4
