"""How ranks find each other, and what DeepSpeed is told."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore, TCPStore  # torch.distributed names them without exporting them

from sparring.core.config import LearnerConfig
from sparring.core.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a rank stands among the others."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0  # among the ranks of its node that see the same devices
    local_size: int = 1  # ranks on its node
    address: str = ""  # host:port of rank 0's store; empty with one rank


class Rendezvous:
    """Rank 0's store. It takes the port it listens on itself, so no other process can come between."""

    def __init__(self, host: str, *, world_size: int, timeout_s: float) -> None:
        self._host = host
        self.store = TCPStore(
            self._host, 0, world_size, is_master=True, timeout=timedelta(seconds=timeout_s), wait_for_workers=False
        )

    @property
    def address(self) -> str:
        return f"{self._host}:{self.store.port}"


def join(placement: Placement, *, rendezvous: Rendezvous | None, timeout_s: float) -> None:
    """Become one of the ranks. In a process that already is a world of its own (an engine beside us), reuse that.

    Raises:   UsageError: this process already belongs to a world of another size.
    """
    # DeepSpeed reads these, and names its shared-memory segments by address and port: two lone ranks on one machine
    # must not share a name. Nobody listens on a lone rank's "port".
    host, port = (placement.address or f"127.0.0.1:{os.getpid()}").rsplit(":", 1)
    os.environ.update(
        RANK=str(placement.rank),
        WORLD_SIZE=str(placement.world_size),
        LOCAL_RANK=str(placement.local_rank),
        LOCAL_SIZE=str(placement.local_size),
        MASTER_ADDR=host,
        MASTER_PORT=port,
    )
    if dist.is_initialized():
        if dist.get_world_size() != placement.world_size:
            raise UsageError(
                f"this process is already one of {dist.get_world_size()} ranks, the learner has "
                f"{placement.world_size}; set learner.world_size = {dist.get_world_size()}"
            )
        return
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
        store=_store(placement, rendezvous=rendezvous, timeout_s=timeout_s),
        rank=placement.rank,
        world_size=placement.world_size,
        timeout=timedelta(seconds=timeout_s),
    )


def unlink_segments(placement: Placement) -> None:
    """Take the names off DeepSpeed's shared memory once every rank has mapped it: 66 MiB a rank would stay for ever.

    DeepSpeed never unlinks them, and a killed process could not. The mappings themselves end with their processes.
    """
    if placement.world_size > 1:
        dist.barrier()
    name = f"deepspeed_allreduce_buffer_{os.getuid()}_{os.environ['MASTER_ADDR']}_{os.environ['MASTER_PORT']}"
    Path("/dev/shm", f"{name}_{placement.rank}").unlink(missing_ok=True)


def _store(placement: Placement, *, rendezvous: Rendezvous | None, timeout_s: float) -> Any:
    if placement.world_size == 1:
        return HashStore()
    if rendezvous is not None:
        return rendezvous.store
    host, port = placement.address.rsplit(":", 1)
    return TCPStore(host, int(port), placement.world_size, timeout=timedelta(seconds=timeout_s))


def deepspeed_config(config: LearnerConfig) -> dict[str, Any]:
    """What DeepSpeed is told. Micro batches are counted by us, so its batch sizes mean nothing here.

    Raises:   UsageError: a combination that DeepSpeed does not have.
    """
    if config.offload_optimizer and config.zero_stage == 0:
        raise UsageError("learner.offload_optimizer needs learner.zero_stage 1, 2 or 3; it is 0")
    zero: dict[str, Any] = {"stage": config.zero_stage}
    if config.offload_optimizer:
        zero["offload_optimizer"] = {"device": "cpu"}
    settings: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_clipping": config.grad_clip,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,  # torch's AdamW: nothing to compile
        "zero_optimization": zero,
        "steps_per_print": 10**9,
    }
    if config.precision == "bfloat16":
        # Without the check a NaN gradient is applied; with it the step is skipped, and we halt.
        settings["bf16"] = {"enabled": True, "check_grad_overflow": True}
    return settings


def quiet_deepspeed() -> None:
    """Its log tells of itself at every turn; warnings of ours would drown."""
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
