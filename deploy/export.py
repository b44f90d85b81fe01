"""A policy as a Hugging Face directory: the model it started from with other weights."""

from __future__ import annotations

import shutil
from pathlib import Path

from sparring.core.manifest import MANIFEST, WEIGHTS

POLICY = "policy"  # in a run directory: the policy of its last step
NOT_COPIED = {".safetensors", ".bin", ".md"}  # weights of the start, and a card that does not describe the new ones


def export_policy(model: Path, version: Path, out: Path) -> Path:
    """``out``: configuration and tokenizer of ``model``, weights of the published version directory ``version``."""
    out.mkdir(parents=True, exist_ok=True)
    for file in model.iterdir():
        if file.is_file() and file.suffix not in NOT_COPIED and file.name != "model.safetensors.index.json":
            shutil.copy2(file, out / file.name)
    shutil.copy2(version / WEIGHTS, out / WEIGHTS)
    shutil.copy2(version / MANIFEST, out / MANIFEST)
    return out
