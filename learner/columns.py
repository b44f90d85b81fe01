"""The tokens of a step as columns: one array a field, trajectories one after the other.

Tuples become arrays here, once; weights and staleness are decided here, where the whole step is in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparring.core.types import Objective, Trajectory

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """All tokens of a step, [N] each; trajectory i owns ``starts[i]:starts[i + 1]``."""

    starts: Array
    token_ids: Array
    loss_mask: Array  # trained: loss tokens within the staleness bound
    stale_mask: Array  # loss tokens past the bound
    is_nll: Array
    behaviour_logprobs: Array
    advantages: Array
    versions: Array
    weights: Array  # share of the step's loss; sums to 1
    sequences: Array  # index of the trajectory

    def length(self, index: int) -> int:
        """Tokens of trajectory ``index``."""
        return int(self.starts[index + 1] - self.starts[index])


def flatten(
    trajectories: Sequence[Trajectory], *, version: int, max_staleness: int, aggregation: Literal["token", "sequence"]
) -> Columns:
    """Columns of ``trajectories`` for a learner at version ``version``.

    Raises:   ValueError: a trajectory whose first token is a loss token: nothing predicts it.
    """
    for trajectory in trajectories:
        if trajectory.loss_mask and trajectory.loss_mask[0]:
            raise ValueError(
                f"trajectory {trajectory.trajectory_id}: its first token is a loss token, but nothing predicts it; "
                "put a prompt of at least one token in front"
            )

    def column(field: Callable[[Trajectory], Sequence[Any]], dtype: type) -> Array:
        return np.fromiter(chain.from_iterable(map(field, trajectories)), dtype=dtype)

    lengths = np.array([len(trajectory.token_ids) for trajectory in trajectories], dtype=np.int64)
    wanted = column(lambda t: t.loss_mask, np.bool_)
    versions = column(lambda t: t.versions, np.int32)
    # Version -1 was not sampled by any version (demonstrations under nll): such a token can not be stale.
    stale = wanted & (versions >= 0) & (version - versions > max_staleness)
    sequences = np.repeat(np.arange(len(lengths)), lengths)
    is_nll = np.array([trajectory.objective is Objective.NLL for trajectory in trajectories], dtype=np.bool_)
    is_nll_N = np.repeat(is_nll, lengths)
    weights_N = token_weights(wanted & ~stale, sequences, aggregation=aggregation)
    advantages_N = column(lambda t: t.advantages, np.float32)
    return Columns(
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        token_ids=column(lambda t: t.token_ids, np.int64),
        loss_mask=wanted & ~stale,
        stale_mask=stale,
        is_nll=is_nll_N,
        behaviour_logprobs=column(lambda t: t.behaviour_logprobs, np.float32),
        advantages=relative(advantages_N, weights_N, is_nll_N),
        versions=versions,
        weights=weights_N,
        sequences=sequences,
    )


def token_weights(loss_mask_N: Array, sequences_N: Array, *, aggregation: Literal["token", "sequence"]) -> Array:
    """Each token's share of the step's loss; sums to 1, or to 0 where no token is trained.

    token:      1 / tokens of the step
    sequence:   1 / (sequences of the step * trained tokens of the token's sequence)
    """
    num_tokens = max(1, int(loss_mask_N.sum()))
    if aggregation == "token":
        return np.asarray(loss_mask_N / num_tokens)
    lengths_S = np.bincount(sequences_N[loss_mask_N])
    num_sequences = max(1, int((lengths_S > 0).sum()))
    weights_N = np.zeros(len(loss_mask_N))
    weights_N[loss_mask_N] = 1 / (num_sequences * lengths_S[sequences_N[loss_mask_N]])
    return weights_N


def relative(advantages_N: Array, weights_N: Array, is_nll_N: Array) -> Array:
    """Advantages with the example weights of nll tokens divided by their mean over the update.

    Only what a weight is beside the others counts: the nll part of the loss is sum(w * CE) / sum(w), times the share of
    the update's tokens that it is. Weights that are all zero stay.

    Source:   STP, arXiv:2502.00212: weighted cross-entropy over mean(w)
    """
    shares_N = weights_N * is_nll_N
    mean = float((shares_N * advantages_N).sum() / max(shares_N.sum(), np.finfo(np.float32).tiny))
    scaled_N = advantages_N / mean if mean > 0 else advantages_N
    return np.where(is_nll_N, scaled_N, advantages_N).astype(np.float32)


def measure(columns: Columns, *, version: int) -> dict[str, float]:
    """What is known of a step before any forward pass, under names of ``core.metrics.CATALOGUE``."""
    loss_tokens = columns.loss_mask | columns.stale_mask
    num_trajectories = len(columns.starts) - 1
    values = {
        "tokens/trained": float(columns.loss_mask.sum()),
        "trajectories": float(num_trajectories),
        "staleness/masked_tokens": float(columns.stale_mask.sum()),
    }
    if num_trajectories:
        values["response_length"] = float(loss_tokens.sum() / num_trajectories)
    staleness = version - columns.versions[columns.loss_mask & (columns.versions >= 0)]
    if len(staleness):
        values |= {"staleness/mean": float(staleness.mean()), "staleness/max": float(staleness.max())}
    return values
