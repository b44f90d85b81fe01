"""One rank of the learner: a Hugging Face model under DeepSpeed, one step at a time.

    RankBatch ─► for each micro batch: forward, loss, backward ─► guards (all ranks agree) ─► clip and optimizer step

The guards stand between the last backward pass and the optimizer: gradients are known, weights are untouched.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
from torch import Tensor

from sparring.core.config import LearnerConfig, PolicyConfig
from sparring.core.errors import UsageError
from sparring.learner.distributed import Placement, Rendezvous, deepspeed_config, join, quiet_deepspeed, unlink_segments
from sparring.learner.guards import check_grad_norm, check_step
from sparring.learner.model import load_model, weight_names
from sparring.learner.objective import NUM_SUMS, MicroBatch, means, micro_loss
from sparring.learner.packing import RankBatch
from sparring.learner.randomness import load_randomness, save_randomness, seed_everything
from sparring.learner.schedule import learning_rate

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
TAG = "deepspeed"


class RankEngine:
    """The learner's weights and optimizer on one rank.

    Args:     rendezvous: rank 0's store, where there are several ranks.
              own_process: False where another engine shares the process; its threads and random state stay as they are.
    Raises:   UsageError: the model can not be loaded, or the configuration can not be had.
    """

    def __init__(
        self,
        config: LearnerConfig,
        policy: PolicyConfig,
        *,
        seed: int,
        placement: Placement | None = None,
        rendezvous: Rendezvous | None = None,
        own_process: bool = True,
    ) -> None:
        self._config, self._policy = config, policy
        self._placement = placement or Placement()
        if own_process:
            _settle(config)
            seed_everything(seed, rank=self._placement.rank)
        join(self._placement, rendezvous=rendezvous, timeout_s=config.step_timeout_s)
        self._own_process = own_process
        self._build()

    def _build(self) -> None:
        """The model as it is on the disk, with a fresh optimizer."""
        config = self._config
        # Parameters begin in float32 whatever the precision: DeepSpeed makes the bfloat16 copy and keeps the master.
        model = load_model(self._policy.model, dtype=torch.float32)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay
        )
        quiet_deepspeed()
        self._engine: Any = deepspeed.initialize(model=model, optimizer=optimizer, config=deepspeed_config(config))[0]
        unlink_segments(self._placement)
        quiet_deepspeed()

    def restart(self) -> None:
        """Start again from the policy's first weights; every rank must call."""
        self._engine.destroy()
        self._build()

    def step(self, batch: RankBatch, *, step: int, rate: float | None = None) -> dict[str, float]:
        """Make an optimizer update of step number ``step`` (from 1); all ranks return the same values.

        Args:     rate: learning rate; by default the schedule's at this step.
        Raises:   TrainingHalted: a guard held the step back; no rank has changed its weights.
        """
        self._engine.eval()
        sums, offenders = self._accumulate(batch)
        self._sum_over_ranks(sums)
        values = means(sums)
        names = [batch.trajectory_ids[index] for index in self._gather(offenders, wanted=not _finite(sums))]
        check_step(values, step=step, max_parity_gap=self._config.max_parity_gap, offenders=names)
        rate = learning_rate(self._config, step=step) if rate is None else rate
        return {**values, "grad_norm": self._apply(rate, step=step), "lr": rate}

    def weights(self) -> dict[str, Tensor]:
        """Full weights by the checkpoint's names, in ``policy.dtype``; every rank must call, rank 0 gets them."""
        lm = self._engine.module.lm
        parameters = dict(lm.named_parameters(remove_duplicate=True))
        held: dict[str, Tensor] = {}
        for name in weight_names(lm):
            parameter = parameters[name]
            with deepspeed.zero.GatheredParameters([parameter], enabled=self._config.zero_stage == 3):
                if self._placement.rank == 0:
                    # A copy: under stage 3 the gathered tensor is gone after this block, and steps write in place.
                    held[name] = parameter.detach().to("cpu", DTYPES[self._policy.dtype], copy=True).contiguous()
        return held

    def save(self, directory: Path) -> None:
        """Write everything that the next step depends on into ``directory``, this rank's part."""
        self._engine.save_checkpoint(str(directory), tag=TAG, save_latest=False)
        if self._own_process:
            save_randomness(directory / f"random-{self._placement.rank}.pt")

    def load(self, directory: Path) -> None:
        """Take up what ``save`` wrote.

        Raises:   UsageError: it was written by another number of ranks or another ZeRO stage.
        """
        stages = "model and optimizer of this configuration"
        try:
            path, _ = self._engine.load_checkpoint(str(directory), tag=TAG)
        except Exception as error:
            raise UsageError(f"checkpoint {directory} holds no {stages}: {error}") from error
        if path is None:
            raise UsageError(f"checkpoint {directory} holds no {stages}; resume with the configuration that wrote it")
        if self._own_process:
            load_randomness(directory / f"random-{self._placement.rank}.pt")

    def close(self) -> None:
        """Free the optimizer's hooks and leave the world."""
        self._engine.destroy()
        if self._own_process and dist.is_initialized():
            dist.destroy_process_group()

    def _accumulate(self, batch: RankBatch) -> tuple[Tensor, list[int]]:
        """Forward and backward of every micro batch: sums for the metrics, and trajectories that are not finite."""
        device = self._engine.device
        sums = torch.zeros(NUM_SUMS, dtype=torch.float64, device=device)
        offenders: list[int] = []
        last = len(batch.micro_batches) - 1
        for number, packed in enumerate(batch.micro_batches):
            micro = MicroBatch.of(packed, device=device, segments_by_mask=self._segments_by_mask())
            self._engine.set_gradient_accumulation_boundary(number == last)
            logprobs_N, entropies_N = self._engine(
                micro.token_ids_BT,
                position_ids_BT=micro.position_ids_BT,
                attention_mask=micro.attention_mask,
                targets_N=micro.targets_N,
            )
            loss, parts = micro_loss(logprobs_N, entropies_N, micro, config=self._config, version=batch.version)
            # DeepSpeed averages gradients over ranks; the weights already divide by the whole step's count.
            self._engine.backward(loss * self._placement.world_size, scale_wrt_gas=False)
            sums += parts
            offenders += micro.offenders(logprobs_N)
        return sums, offenders

    def _apply(self, rate: float, *, step: int) -> float:
        """The optimizer step; returns the global gradient norm before clipping."""
        for group in self._engine.optimizer.param_groups:
            group["lr"] = rate
        # Stage 0 in float32 is the bare optimizer: nothing in DeepSpeed would notice a NaN or report the norm.
        bare = isinstance(self._engine.optimizer, torch.optim.Optimizer)
        norm = _norm(self._engine.module.parameters()) if bare else 0.0
        check_grad_norm(norm, step=step)
        self._engine.step()
        if not bare:
            # On a gradient that is not finite DeepSpeed skips the update and says so here; stage 3 keeps an old norm.
            skipped = self._engine.optimizer.overflow
            norm = math.inf if skipped else float(self._engine.get_global_grad_norm())
            check_grad_norm(norm, step=step)
        return norm

    def _segments_by_mask(self) -> bool:
        return bool(self._engine.module.lm.config._attn_implementation != "flash_attention_2")

    def _sum_over_ranks(self, sums: Tensor) -> None:
        if self._placement.world_size > 1:
            dist.all_reduce(sums)

    def _gather(self, offenders: list[int], *, wanted: bool) -> list[int]:
        """Offending trajectories of all ranks; only on the way to a halt, for it is slow."""
        if not wanted or self._placement.world_size == 1:
            return sorted(set(offenders))
        everybody: list[list[int]] = [[] for _ in range(self._placement.world_size)]
        dist.all_gather_object(everybody, offenders)
        return sorted({index for part in everybody for index in part})


def _settle(config: LearnerConfig) -> None:
    """Threads and cores of a process that holds nothing but a rank."""
    torch.set_num_threads(config.threads)
    if config.affinity:
        os.sched_setaffinity(0, config.affinity)


def _finite(sums: Tensor) -> bool:
    return bool(sums.isfinite().all())


def _norm(parameters: Iterable[Tensor]) -> float:
    return float(torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]))
