"""Published versions that are still on the disk: found by number, and followed where no Redis announces them."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sparring.core.errors import DamagedVersion, UsageError
from sparring.core.manifest import MANIFEST, Manifest, read_manifest
from sparring.core.ports import Announcement

# Directories appear whole, by a rename: to look is cheap and safe.
LOOK_S = 0.05


def peek_manifest(directory: Path) -> Manifest | None:
    """What a version directory promises, without reading its weights; None if there is no manifest to be read."""
    try:
        return msgspec.json.decode((directory / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def numbered(folder: Path) -> dict[int, Path]:
    """Version directories in ``folder`` by number."""
    return {int(path.name[1:]): path for path in folder.glob("v[0-9]*") if path.name[1:].isdigit()}


class Retained:
    """Where versions can be found: beside the newest one, and among those kept for the endpoint."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept

    def find(self, number: int, *, newest: Announcement | None) -> Path | None:
        """The directory of a version, None if it is gone."""
        return self._all(newest).get(number)

    def numbers(self, *, newest: Announcement | None) -> tuple[int, ...]:
        """Versions that may be asked for."""
        return tuple(sorted(self._all(newest)))

    def keep(self, number: int, source: Path) -> Path:
        """Copy a version to where the run does not forget it.

        Raises:   DamagedVersion: it is not what its manifest says.
        """
        directory = self._kept / f"v{number:08d}"
        if not directory.is_dir():
            read_manifest(source)
            unfinished = directory.with_name(f".{directory.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(source, unfinished)
            unfinished.rename(directory)
        read_manifest(directory)
        return directory

    def _all(self, newest: Announcement | None) -> dict[int, Path]:
        found = numbered(self._kept)
        if newest is not None:
            found |= {**numbered(Path(newest.path).parent), newest.version.number: Path(newest.path)}
        return found


class DirectoryFeed:
    """A ``VersionFeed`` that only follows: the newest version in any of some directories.

    Args:     stores: folders with version directories. exports: single version directories.
    """

    def __init__(self, *, stores: Sequence[Path], exports: Sequence[Path] = ()) -> None:
        self._stores, self._exports = stores, exports

    async def announce(self, announcement: Announcement) -> None:
        raise UsageError(f"{announcement.version} was to be announced to a feed that only looks at directories")

    async def latest(self, policy: str) -> Announcement | None:
        """The newest version of ``policy`` that is there."""
        found = [_announced(path, policy=policy) for path in self._candidates()]
        return max((each for each in found if each), key=lambda each: each.version.number, default=None)

    async def wait(self, policy: str, *, after: int, timeout_s: float) -> Announcement | None:
        """The newest version above ``after``, as soon as there is one; None after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            newest = await self.latest(policy)
            if newest is not None and newest.version.number > after:
                return newest
            await asyncio.sleep(LOOK_S)
        return None

    def _candidates(self) -> list[Path]:
        versions = [numbered(folder) for folder in self._stores]
        return [found[max(found)] for found in versions if found] + list(self._exports)


def _announced(directory: Path, *, policy: str) -> Announcement | None:
    manifest = peek_manifest(directory)
    if manifest is None or manifest.policy != policy:
        return None
    return Announcement(version=manifest.version, path=str(directory), sha256=manifest.sha256, step=manifest.number)


def check_kept(retained: Retained, number: int, *, newest: Announcement | None) -> Path:
    """The directory of version ``number``, kept and whole.

    Raises:   UsageError: it is gone or damaged.
    """
    source = retained.find(number, newest=newest)
    there = ", ".join(map(str, retained.numbers(newest=newest))) or "none"
    if source is None:
        raise UsageError(f"version {number} is not kept any more; there is: {there} (publish.keep_versions keeps more)")
    try:
        return retained.keep(number, source)
    except (DamagedVersion, OSError) as error:
        raise UsageError(f"version {number} can not be used: {error}; there is: {there}") from error
