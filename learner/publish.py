"""Writing a version where replicas can pull it (layout: core/manifest.py)."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from safetensors.torch import save_file
from torch import Tensor

from sparring.core.errors import DamagedVersion
from sparring.core.manifest import MANIFEST, WEIGHTS, Manifest, TensorInfo, read_manifest, sha256_of, version_directory
from sparring.core.ports import Announcement
from sparring.core.types import PolicyVersion
from sparring.learner.disk import disk_errors, sync_directory, sync_file

SHARED_MEMORY = Path("/dev/shm")
DTYPE_NAMES = {"torch.float32": "F32", "torch.bfloat16": "BF16", "torch.float16": "F16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version that is complete on disk and may be announced."""

    announcement: Announcement
    num_bytes: int


def publish(
    state_dict: Mapping[str, Tensor], version: PolicyVersion, store: Path, *, step: int, keep_versions: int
) -> Published:
    """Write ``version`` under ``store``; readers see all of it or nothing. Then forget versions past ``keep_versions``.

    Raises:   UsageError: the disk is full or the store can not be written; no half version is left.
    """
    final = version_directory(store, version)
    unfinished = final.with_name(f".{final.name}.unfinished")
    with disk_errors(store, what=f"publishing {version}", hint="publish.store sets another place"):
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            manifest = _write(state_dict, version, unfinished)
            _replace(final, unfinished, sha256=manifest.sha256)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        sync_directory(final.parent)
        prune(final.parent, newest=version.number, keep=keep_versions)
    announcement = Announcement(version=version, path=str(final), sha256=manifest.sha256, step=step)
    return Published(announcement=announcement, num_bytes=manifest.num_bytes)


def prune(versions: Path, *, newest: int, keep: int) -> None:
    """Remove all but the ``keep`` newest up to number ``newest``; higher ones are what an earlier run left here."""
    numbers = {int(path.name[1:]): path for path in versions.glob("v[0-9]*")}
    kept = sorted((number for number in numbers if number <= newest), reverse=True)[:keep]
    for number in numbers.keys() - set(kept):
        shutil.rmtree(numbers[number], ignore_errors=True)


def default_store(run_dir: Path) -> Path:
    """Shared memory of this machine where it can be written, else the run directory; the same again on resume."""
    if not os.access(SHARED_MEMORY, os.W_OK):
        return run_dir / "weights"
    whole = run_dir.resolve()
    digest = hashlib.sha256(str(whole).encode()).hexdigest()[:8]
    return SHARED_MEMORY / f"sparring-{whole.name}-{digest}"


def _replace(final: Path, unfinished: Path, *, sha256: str) -> None:
    """Give ``unfinished`` its final name. A resumed run publishes its version again: replicas may be reading it."""
    try:
        if read_manifest(final).sha256 == sha256:
            shutil.rmtree(unfinished)
            return
    except DamagedVersion:
        pass  # absent, or torn by a run that died before it announced this number
    shutil.rmtree(final, ignore_errors=True)
    os.rename(unfinished, final)


def _write(state_dict: Mapping[str, Tensor], version: PolicyVersion, directory: Path) -> Manifest:
    directory.mkdir(parents=True)
    weights = directory / WEIGHTS
    save_file(dict(state_dict), weights, metadata={"format": "pt"})
    manifest = Manifest(
        policy=version.policy,
        number=version.number,
        sha256=sha256_of(weights),
        num_bytes=weights.stat().st_size,
        tensors={
            name: TensorInfo(dtype=DTYPE_NAMES[str(tensor.dtype)], shape=tuple(tensor.shape))
            for name, tensor in state_dict.items()
        },
    )
    (directory / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    for path in (weights, directory / MANIFEST):
        sync_file(path)
    sync_directory(directory)
    return manifest
