"""One rank in a process of its own, without Ray: two steps at each ZeRO stage, then one's weights into a file.

Usage: rank_process.py MODEL DIRECTORY RANK WORLD_SIZE STAGES PRECISION
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

from safetensors.torch import save_file

from sparring.core.config import LearnerConfig, PolicyConfig
from sparring.learner.distributed import Placement, Rendezvous
from sparring.learner.engine import RankEngine
from sparring.learner.packing import StepBatch

WAIT_S = 60.0


def meet(directory: Path, *, rank: int, world_size: int) -> tuple[str, Rendezvous | None]:
    """Rank 0 listens and leaves its address in a file; the others read it."""
    note = directory / "address"
    if world_size == 1:
        return "", None
    if rank == 0:
        rendezvous = Rendezvous("127.0.0.1", world_size=world_size, timeout_s=WAIT_S)
        note.with_suffix(".part").write_text(rendezvous.address)
        note.with_suffix(".part").rename(note)
        return rendezvous.address, rendezvous
    deadline = time.monotonic() + WAIT_S
    while not note.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no address in {note} after {WAIT_S} s")
        time.sleep(0.05)
    return note.read_text(), None


def main(model: str, directory: str, rank: int, world_size: int, stages: list[int], precision: str) -> None:
    root = Path(directory)
    batches: list[StepBatch] = pickle.loads((root / f"batches-{world_size}.pickle").read_bytes())
    address, rendezvous = meet(root, rank=rank, world_size=world_size)
    placement = Placement(rank=rank, world_size=world_size, local_rank=rank, local_size=world_size, address=address)
    for stage in stages:
        config = LearnerConfig.model_validate(
            {
                "world_size": world_size,
                "zero_stage": stage,
                "precision": precision,
                "learning_rate": 1e-2,
                "warmup_steps": 4,
                "max_parity_gap": 1e3,
                "grad_clip": 0.5,
                "step_timeout_s": WAIT_S,
            }
        )
        policy = PolicyConfig(model=Path(model), dtype="float32")
        engine = RankEngine(config, policy, seed=0, placement=placement, rendezvous=rendezvous)
        values = [engine.step(batch.ranks[rank], step=step) for step, batch in enumerate(batches, start=1)]
        weights = engine.weights()
        if rank == 0:
            name = f"{precision}-{stage}-{world_size}"
            save_file(weights, root / f"{name}.safetensors")
            (root / f"{name}.pickle").write_bytes(pickle.dumps(values))


if __name__ == "__main__":
    model, directory, rank, world_size, stages, precision = sys.argv[1:]
    main(model, directory, int(rank), int(world_size), [int(stage) for stage in stages.split(",")], precision)
