"""The loss of one micro batch and the sums that its metrics are made of.

B rows   T tokens of a row   N trained tokens
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.core.config import LearnerConfig
from sparring.learner.losses import clipped_tokens, entropy_bonus, nll, ppo_clip, token_ratios, truncated_is
from sparring.learner.packing import PackedBatch, attention_mask

# Sums over the trained tokens of a step, added up over micro batches and ranks.
SUMS = ("loss", "tokens", "entropy", "sampled", "mismatch_kl", "ratio", "clipped", "own", "parity")
NUM_SUMS = len(SUMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """A packed batch on the rank's device, with its trained tokens picked out."""

    token_ids_BT: Tensor
    position_ids_BT: Tensor
    attention_mask: Tensor | None
    targets_N: Tensor  # flat indices of the trained tokens
    behaviour_logprobs_N: Tensor
    advantages_N: Tensor
    weights_N: Tensor
    versions_N: Tensor
    sequences_N: Tensor
    sampled_N: Tensor  # objective policy gradient, and a real token

    @classmethod
    def of(cls, packed: PackedBatch, *, device: torch.device, segments_by_mask: bool) -> MicroBatch:
        """Move ``packed`` to ``device``. A batch without trained tokens scores one token with weight 0."""
        mask_N = packed.loss_mask_BT.flatten()
        # A backward pass with nothing to differentiate would skip the collectives that the other ranks wait in.
        targets = mask_N.nonzero()[0] if mask_N.any() else np.array([1])

        def picked(field: Any) -> Tensor:
            return torch.tensor(field.flatten()[targets], device=device)

        return cls(
            token_ids_BT=torch.tensor(packed.token_ids_BT, device=device),
            position_ids_BT=torch.tensor(packed.position_ids_BT, device=device),
            attention_mask=torch.tensor(attention_mask(packed.segment_ids_BT), device=device)
            if segments_by_mask
            else None,
            targets_N=torch.tensor(targets, device=device),
            behaviour_logprobs_N=picked(packed.behaviour_logprobs_BT),
            advantages_N=picked(packed.advantages_BT),
            weights_N=picked(packed.weights_BT),
            versions_N=picked(packed.versions_BT),
            sequences_N=picked(packed.sequences_BT),
            sampled_N=picked(packed.loss_mask_BT & ~packed.is_nll_BT),
        )

    def offenders(self, logprobs_N: Tensor) -> list[int]:
        """Indices of the trajectories with a number that is not finite."""
        numbers_N = logprobs_N.detach() + self.advantages_N + self.behaviour_logprobs_N
        return [int(index) for index in self.sequences_N[~numbers_N.isfinite()].unique() if index >= 0]


def micro_loss(
    logprobs_N: Tensor, entropies_N: Tensor, micro: MicroBatch, *, config: LearnerConfig, version: int
) -> tuple[Tensor, Tensor]:
    """This micro batch's share of the step's loss, and its part of ``SUMS`` (float64, no gradient)."""
    sampled_weights_N = micro.weights_N * micro.sampled_N
    loss = nll(logprobs_N, micro.advantages_N, micro.weights_N * ~micro.sampled_N)
    arguments = (logprobs_N, micro.behaviour_logprobs_N, micro.advantages_N, sampled_weights_N)
    if config.loss == "ppo_clip":
        loss = loss + ppo_clip(*arguments, clip_low=config.clip_low, clip_high=config.clip_high)
    else:
        loss = loss + truncated_is(*arguments, max_ratio=config.max_ratio)
    loss = loss + entropy_bonus(entropies_N, sampled_weights_N, coefficient=config.entropy_coefficient)
    return loss, _sums(loss, logprobs_N, entropies_N, micro, config=config, version=version)


def means(sums: Tensor) -> dict[str, float]:
    """Metrics of the step from the sums of all micro batches of all ranks."""
    total = dict(zip(SUMS, sums.tolist(), strict=True))
    values = {"loss": total["loss"]}
    if total["tokens"]:
        values["entropy"] = total["entropy"] / total["tokens"]
    if sampled := total["sampled"]:
        values |= {
            "mismatch_kl": total["mismatch_kl"] / sampled,
            "ratio/mean": total["ratio"] / sampled,
            "clip_fraction": total["clipped"] / sampled,
        }
    if total["own"]:
        values["parity/abs_mean"] = total["parity"] / total["own"]
    return values


@torch.no_grad()
def _sums(
    loss: Tensor, logprobs_N: Tensor, entropies_N: Tensor, micro: MicroBatch, *, config: LearnerConfig, version: int
) -> Tensor:
    trained_N = micro.weights_N > 0
    sampled_N = micro.sampled_N & trained_N
    gaps_N = micro.behaviour_logprobs_N - logprobs_N
    ratios_N = token_ratios(logprobs_N, micro.behaviour_logprobs_N)
    own_N = sampled_N & (micro.versions_N == version)
    if config.loss == "ppo_clip":
        clipped_N = clipped_tokens(ratios_N, micro.advantages_N, clip_low=config.clip_low, clip_high=config.clip_high)
    else:
        clipped_N = ratios_N > config.max_ratio
    parts = {
        "loss": loss,
        "tokens": trained_N.sum(),
        "entropy": entropies_N[trained_N].sum(),
        "sampled": sampled_N.sum(),
        "mismatch_kl": gaps_N[sampled_N].sum(),
        "ratio": ratios_N[sampled_N].sum(),
        "clipped": (clipped_N & sampled_N).sum(),
        "own": own_N.sum(),
        "parity": gaps_N[own_N].abs().sum(),
    }
    return torch.stack([parts[name].double() for name in SUMS])
