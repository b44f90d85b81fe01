"""A published version on disk: one safetensors file and a manifest that says what must be in it.

    <store>/<policy>/v00000041/model.safetensors
    <store>/<policy>/v00000041/manifest.json

The directory appears under its final name only once both files are complete (write, fsync, rename).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from sparring.core.errors import DamagedVersion
from sparring.core.types import PolicyVersion

WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"


class TensorInfo(msgspec.Struct, frozen=True):
    """What one tensor must look like."""

    dtype: str  # as in safetensors: F32, BF16, ...
    shape: tuple[int, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a version's weight file must contain."""

    policy: str
    number: int
    sha256: str
    num_bytes: int
    tensors: dict[str, TensorInfo]

    @property
    def version(self) -> PolicyVersion:
        return PolicyVersion(policy=self.policy, number=self.number)


def version_directory(store: Path, version: PolicyVersion) -> Path:
    """Where a version lives under ``store``."""
    return store / version.policy / f"v{version.number:08d}"


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a version whose weight file is present, complete and unchanged.

    Raises:   DamagedVersion: a file is missing, the manifest is not one, or size or hash differ.
    """
    try:
        manifest = msgspec.json.decode((directory / MANIFEST).read_bytes(), type=Manifest)
        size = (directory / WEIGHTS).stat().st_size
    except (OSError, msgspec.DecodeError) as error:
        raise DamagedVersion(f"version at {directory}: {error}; publish it again") from error
    if size != manifest.num_bytes:
        raise DamagedVersion(f"{manifest.version}: {size} bytes of weights where {manifest.num_bytes} were published")
    if (seen := sha256_of(directory / WEIGHTS)) != manifest.sha256:
        raise DamagedVersion(f"{manifest.version}: weights hash to {seen[:12]}, published as {manifest.sha256[:12]}")
    return manifest
