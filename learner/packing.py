"""From trajectories of any length to rectangular micro batches, several trajectories to a row.

    trajectories ──► rows (first-fit-decreasing) ──► ranks (dealt in turns) ──► micro batches (padded to the longest)

A trajectory is never split, and no token sees another trajectory (``segment_ids``). Everything that depends on the
whole step (weights, staleness, counts) is computed before, once, so ranks need not agree on anything but sums.

    B rows of a micro batch   T tokens of a row
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparring.core.types import Trajectory
from sparring.learner.columns import Columns, flatten, measure

Array = NDArray[Any]
# A dummy row needs a token to predict and one to predict it from.
DUMMY_TOKENS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBatch:
    """One micro batch, [B, T] each; padding has segment 0, sequence -1 and weight 0."""

    token_ids_BT: Array  # int64
    position_ids_BT: Array  # int64, from 0 in each segment
    segment_ids_BT: Array  # int32, from 1 in each row
    loss_mask_BT: Array  # bool, tokens that are trained
    is_nll_BT: Array  # bool, of those: objective nll instead of policy gradient
    behaviour_logprobs_BT: Array  # float32
    advantages_BT: Array  # float32
    weights_BT: Array  # float32, share of the step's loss
    versions_BT: Array  # int32
    sequences_BT: Array  # int32, index into the step's trajectories


@dataclass(frozen=True, slots=True, kw_only=True)
class RankBatch:
    """One rank's part of a step; every rank has the same number of micro batches, or collectives would hang."""

    micro_batches: tuple[PackedBatch, ...]
    trajectory_ids: tuple[str, ...]  # of the whole step, for messages
    version: int  # of the weights the step starts from


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBatch:
    """A whole step: one part a rank, and what is known of it before any forward pass."""

    ranks: tuple[RankBatch, ...]
    metrics: dict[str, float]


def pack(
    trajectories: Sequence[Trajectory],
    *,
    version: int,
    max_staleness: int,
    aggregation: Literal["token", "sequence"],
    row_tokens: int,
    rows_per_micro_batch: int,
    world_size: int,
) -> StepBatch:
    """The batch of one step of a learner whose weights are version ``version``.

    Loss tokens staler than ``max_staleness`` get no weight and are counted in ``staleness/masked_tokens``.

    Raises:   ValueError: a trajectory whose first token is a loss token: nothing predicts it.
    """
    columns = flatten(trajectories, version=version, max_staleness=max_staleness, aggregation=aggregation)
    rows = first_fit_decreasing([len(trajectory.token_ids) for trajectory in trajectories], row_tokens=row_tokens)
    ids = tuple(trajectory.trajectory_id for trajectory in trajectories)
    parts = split_rows(rows, world_size=world_size, rows_per_micro_batch=rows_per_micro_batch)
    ranks = tuple(
        RankBatch(
            micro_batches=tuple(_micro_batch(columns, rows) for rows in part),
            trajectory_ids=ids,
            version=version,
        )
        for part in parts
    )
    return StepBatch(ranks=ranks, metrics=measure(columns, version=version))


def first_fit_decreasing(lengths: Sequence[int], *, row_tokens: int) -> list[list[int]]:
    """Indices of ``lengths`` in rows of at most ``row_tokens``; a longer one gets a row of its own. Fullest first."""
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        length = lengths[index]
        place = next((row for row, free in enumerate(room) if free >= length), None)
        if place is None:
            rows.append([])
            room.append(max(row_tokens, length))
            place = len(rows) - 1
        rows[place].append(index)
        room[place] -= length
    return sorted(rows, key=lambda row: -sum(lengths[index] for index in row))


def split_rows(rows: list[list[int]], *, world_size: int, rows_per_micro_batch: int) -> list[list[list[list[int]]]]:
    """For each rank its micro batches of rows, equally many for all; the missing ones are empty (dummies)."""
    hands: list[list[list[int]]] = [[] for _ in range(world_size)]
    for position, row in enumerate(rows):
        turn, seat = divmod(position, world_size)
        # Back and forth, so that no rank always gets the fuller row of a turn.
        hands[seat if turn % 2 == 0 else world_size - 1 - seat].append(row)
    size = rows_per_micro_batch
    parts = [[hand[start : start + size] for start in range(0, len(hand), size)] for hand in hands]
    most = max(1, *(len(part) for part in parts)) if parts else 1
    return [part + [[] for _ in range(most - len(part))] for part in parts]


def attention_mask(segment_ids_BT: Array) -> Array:
    """Which token may see which: itself and earlier ones of its segment. [B, 1, T, T] bool.

    Padding is a segment too: a row of the mask that is all False would make the softmax NaN.
    """
    same_BTT = segment_ids_BT[:, :, None] == segment_ids_BT[:, None, :]
    length = segment_ids_BT.shape[1]
    return (same_BTT & np.tri(length, dtype=bool))[:, None]


def _micro_batch(columns: Columns, rows: list[list[int]]) -> PackedBatch:
    """Rows of trajectory indices as one padded rectangle; no rows: a dummy without weight."""
    lengths = [sum(columns.length(index) for index in row) for row in rows]
    shape = (max(1, len(rows)), max(lengths, default=DUMMY_TOKENS))
    where = [_place(columns, row, row_index, shape[1]) for row_index, row in enumerate(rows)]
    nothing = np.zeros(0, dtype=np.int64)
    source, target, segments, positions = (
        np.concatenate([nothing, *(part[field] for part in where)]) for field in range(4)
    )

    def spread(values: Array, dtype: type, fill: float = 0) -> Array:
        flat: Array = np.full(shape[0] * shape[1], fill, dtype=dtype)
        flat[target] = values
        return flat.reshape(shape)

    return PackedBatch(
        token_ids_BT=spread(columns.token_ids[source], np.int64),
        position_ids_BT=spread(positions, np.int64),
        segment_ids_BT=spread(segments, np.int32),
        loss_mask_BT=spread(columns.loss_mask[source], np.bool_),
        is_nll_BT=spread(columns.is_nll[source], np.bool_),
        behaviour_logprobs_BT=spread(columns.behaviour_logprobs[source], np.float32),
        advantages_BT=spread(columns.advantages[source], np.float32),
        weights_BT=spread(columns.weights[source], np.float32),
        versions_BT=spread(columns.versions[source], np.int32, -1),
        sequences_BT=spread(columns.sequences[source], np.int32, -1),
    )


def _place(columns: Columns, row: list[int], row_index: int, width: int) -> tuple[Array, Array, Array, Array]:
    """Where the tokens of a row come from and go to (flat), their segments and their positions."""
    ranges = [np.arange(columns.starts[index], columns.starts[index + 1]) for index in row]
    source = np.concatenate(ranges)
    target = row_index * width + np.arange(len(source))
    segments = np.concatenate([np.full(len(part), number) for number, part in enumerate(ranges, start=1)])
    positions = np.concatenate([np.arange(len(part)) for part in ranges])
    return source, target, segments, positions
