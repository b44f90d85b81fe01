"""Random state of a rank's process. A step draws nothing today; what draws tomorrow must not break an exact resume."""

from __future__ import annotations

import random
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

_NumpyState = tuple[str, NDArray[np.uint32], int, int, float]


def seed_everything(seed: int, *, rank: int) -> None:
    """Seed every generator of this process from the run's seed."""
    own = seed * 1_000_003 + rank
    random.seed(own)
    np.random.seed(own % 2**32)
    torch.manual_seed(own)


def save_randomness(path: Path) -> None:
    """Write the state of torch's, Python's and NumPy's generators."""
    kind, keys, position, has_gauss, gauss = cast(_NumpyState, np.random.get_state(legacy=True))
    state = {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (kind, torch.tensor(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)),
    }
    torch.save(state, path)


def load_randomness(path: Path) -> None:
    """Take up what ``save_randomness`` wrote. Tensors and numbers only: nothing in the file is executed."""
    state = torch.load(path, weights_only=True)
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    random.setstate(state["python"])
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
