"""Packing: every token once, nothing split, nothing seen across segments, shares that add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.core.types import Objective, Trajectory
from sparring.learner.packing import StepBatch, attention_mask, first_fit_decreasing, pack, split_rows

Build = Callable[..., Trajectory]


def numbered(index: int, *, prompt: int, response: int) -> Trajectory:
    """A trajectory whose token ids tell where they belong: index * 1000 + position."""
    length = prompt + response
    return Trajectory(
        trajectory_id=f"t{index}",
        episode_id="e",
        role="r",
        kind="k",
        policy="p",
        objective=Objective.POLICY_GRADIENT,
        token_ids=tuple(index * 1000 + position for position in range(length)),
        loss_mask=tuple(position >= prompt for position in range(length)),
        behaviour_logprobs=tuple(-float(position) for position in range(length)),
        advantages=tuple(float(index) for _ in range(length)),
        versions=tuple(5 if position >= prompt else -1 for position in range(length)),
        reward=0.0,
    )


def packed(trajectories: list[Trajectory], **changes: Any) -> StepBatch:
    settings: dict[str, Any] = {
        "version": 5,
        "max_staleness": 4,
        "aggregation": "token",
        "row_tokens": 16,
        "rows_per_micro_batch": 2,
        "world_size": 1,
    }
    return pack(trajectories, **{**settings, **changes})


def micro_batches(batch: StepBatch) -> list[Any]:
    return [micro for rank in batch.ranks for micro in rank.micro_batches]


shapes = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), max_size=30)


@given(shapes=shapes, row_tokens=st.integers(1, 40), rows=st.integers(1, 4), world_size=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_every_token_is_packed_exactly_once_and_no_trajectory_is_split(
    shapes: list[tuple[int, int]], row_tokens: int, rows: int, world_size: int
) -> None:
    trajectories = [numbered(index, prompt=p, response=r) for index, (p, r) in enumerate(shapes)]

    batch = packed(trajectories, row_tokens=row_tokens, rows_per_micro_batch=rows, world_size=world_size)

    seen: dict[int, tuple[int, ...]] = {}
    for micro in micro_batches(batch):
        assert micro.token_ids_BT.shape[0] <= rows
        for row in range(micro.token_ids_BT.shape[0]):
            segments = micro.segment_ids_BT[row]
            assert (segments > 0).sum() <= max(row_tokens, *(p + r for p, r in shapes), 0)
            for segment in range(1, segments.max(initial=0) + 1):
                where = np.flatnonzero(segments == segment)
                assert (np.diff(where) == 1).all()
                assert micro.position_ids_BT[row, where].tolist() == list(range(len(where)))
                (index,) = set(micro.sequences_BT[row, where].tolist())
                assert index not in seen
                seen[index] = tuple(micro.token_ids_BT[row, where].tolist())
                assert micro.loss_mask_BT[row, where].tolist() == list(trajectories[index].loss_mask)
                assert micro.behaviour_logprobs_BT[row, where].tolist() == list(trajectories[index].behaviour_logprobs)
                assert micro.versions_BT[row, where].tolist() == list(trajectories[index].versions)
            assert not micro.loss_mask_BT[row, segments == 0].any()
    assert seen == {index: trajectory.token_ids for index, trajectory in enumerate(trajectories)}
    assert len({len(rank.micro_batches) for rank in batch.ranks}) == 1
    assert all(rank.micro_batches for rank in batch.ranks)


@given(shapes=shapes, aggregation=st.sampled_from(["token", "sequence"]), world_size=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_shares_of_all_trained_tokens_add_up_to_one(
    shapes: list[tuple[int, int]], aggregation: Literal["token", "sequence"], world_size: int
) -> None:
    trajectories = [numbered(index, prompt=p, response=r) for index, (p, r) in enumerate(shapes)]

    batch = packed(trajectories, aggregation=aggregation, world_size=world_size)

    total = sum(micro.weights_BT.sum() for micro in micro_batches(batch))
    assert total == pytest.approx(1.0 if any(r for _, r in shapes) else 0.0, abs=1e-5)


def test_sequence_aggregation_gives_every_sequence_the_same_share() -> None:
    batch = packed(
        [numbered(0, prompt=1, response=2), numbered(1, prompt=1, response=8), numbered(2, prompt=3, response=0)],
        aggregation="sequence",
    )

    shares = [0.0, 0.0, 0.0]
    for micro in micro_batches(batch):
        for index in range(3):
            shares[index] += micro.weights_BT[micro.sequences_BT == index].sum()
    assert shares == pytest.approx([0.5, 0.5, 0.0])


def test_first_fit_decreasing_fills_rows_and_gives_a_long_one_its_own() -> None:
    # 20 is past the row and stands alone; 9 + 1 and 6 + 4 fill two rows of 10.
    assert first_fit_decreasing([4, 9, 20, 6, 1], row_tokens=10) == [[2], [1, 4], [3, 0]]


def test_every_rank_gets_the_same_number_of_micro_batches_with_dummies_at_the_end() -> None:
    parts = split_rows([[0], [1], [2]], world_size=2, rows_per_micro_batch=1)

    assert parts == [[[[0]], []], [[[1]], [[2]]]]


def test_an_empty_step_still_gives_every_rank_one_dummy_without_weight() -> None:
    batch = packed([], world_size=2)

    assert [len(rank.micro_batches) for rank in batch.ranks] == [1, 1]
    assert all(micro.weights_BT.sum() == 0 and micro.token_ids_BT.shape == (1, 2) for micro in micro_batches(batch))


def test_no_token_sees_another_segment_and_padding_sees_itself() -> None:
    mask = attention_mask(np.array([[1, 1, 2, 0]]))

    assert mask[0, 0].tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]


def test_tokens_past_the_staleness_bound_are_masked_and_counted(trajectory: Build) -> None:
    # The learner is at 5: version 1 is 4 old (allowed), version 0 is 5 old.
    fresh, stale = trajectory("a", response=3, version=1), trajectory("b", response=2, version=0)

    batch = packed([fresh, stale])

    (micro,) = micro_batches(batch)
    assert micro.loss_mask_BT.sum() == 3
    assert micro.weights_BT[micro.sequences_BT == 1].sum() == 0
    assert batch.metrics["staleness/masked_tokens"] == 2
    assert batch.metrics["tokens/trained"] == 3
    assert batch.metrics["staleness/max"] == 4
    assert batch.metrics["response_length"] == 2.5


def test_demonstrations_that_no_version_sampled_are_never_stale(trajectory: Build) -> None:
    shown = trajectory("a", response=3, version=-1, objective=Objective.NLL)

    batch = packed([shown], max_staleness=0)

    (micro,) = micro_batches(batch)
    assert micro.is_nll_BT[micro.loss_mask_BT].tolist() == [True] * 3
    assert "staleness/mean" not in batch.metrics


def test_a_loss_token_that_nothing_predicts_is_refused(trajectory: Build) -> None:
    with pytest.raises(ValueError, match=r"trajectory t: its first token is a loss token.*put a prompt"):
        packed([trajectory("t", prompt=0)])
