"""The learner's commits: one directory each, whole or absent.

    checkpoints/step-00000012/commit.json      the record below, with size and hash of every other file
    checkpoints/step-00000012/deepspeed/...    weights and optimizer, a part per rank
    checkpoints/step-00000012/random-0.pt      random state of a rank's process

A checkpoint is written under another name, forced to the disk and renamed. The journal is derived from the commits: its
last line may be missing after a crash and is appended on resume.
"""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from sparring.core.errors import UsageError
from sparring.core.manifest import sha256_of
from sparring.learner.disk import disk_errors, sync_directory, sync_file, sync_tree

RECORD = "commit.json"
UNFINISHED = ".unfinished-"


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint stands for: the step, the version to publish from it, and what was consumed since the last."""

    step: int
    version: int
    entries: tuple[str, ...]  # replay entries that this commit consumes
    trajectory_ids: tuple[str, ...]
    extra: bytes = b""


class FileInfo(msgspec.Struct, frozen=True):
    """What a file of a checkpoint must be."""

    num_bytes: int
    sha256: str


class Record(msgspec.Struct, frozen=True):
    """commit.json"""

    commit: Commit
    files: dict[str, FileInfo]


def step_directory(checkpoints: Path, step: int) -> Path:
    """Where the checkpoint of ``step`` is."""
    return checkpoints / f"step-{step:08d}"


def begin(checkpoints: Path, *, step: int) -> Path:
    """An empty directory for the ranks to write into; not a checkpoint yet.

    Raises:   UsageError: it can not be made.
    """
    unfinished = checkpoints / f"{UNFINISHED}{step:08d}"
    with _disk_errors(checkpoints, step):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    return unfinished


def finish(unfinished: Path, commit: Commit, *, keep: int, journal: Path) -> Path:
    """Make ``unfinished`` the checkpoint of ``commit``, note it in the journal, forget those past ``keep``.

    Raises:   UsageError: the disk is full; the previous checkpoint stays the latest.
    """
    checkpoints = unfinished.parent
    final = step_directory(checkpoints, commit.step)
    with _disk_errors(checkpoints, commit.step):
        paths = [path for path in sorted(unfinished.rglob("*")) if path.is_file()]
        files = {str(path.relative_to(unfinished)): FileInfo(path.stat().st_size, sha256_of(path)) for path in paths}
        (unfinished / RECORD).write_bytes(msgspec.json.encode(Record(commit, files)))
        sync_tree(unfinished)
        # The same step again after a resume from an older checkpoint.
        shutil.rmtree(final, ignore_errors=True)
        os.rename(unfinished, final)
        sync_directory(checkpoints)
        append_journal(journal, commit)
        prune(checkpoints, keep=keep)
    return final


def abandon(unfinished: Path) -> None:
    """Give back the space of a checkpoint that could not be written."""
    shutil.rmtree(unfinished, ignore_errors=True)


def latest(checkpoints: Path) -> Commit | None:
    """The newest whole checkpoint's commit; what a crash left half written is removed."""
    for path in checkpoints.glob(f"{UNFINISHED}*"):
        shutil.rmtree(path)
    for path in sorted(checkpoints.glob("step-*"), reverse=True):
        if (record := _read(path)) is not None and _complete(path, record):
            return record.commit
        shutil.rmtree(path)
    return None


def verify(checkpoints: Path, *, step: int) -> Path:
    """The directory of a checkpoint whose files hash to what was written.

    Raises:   UsageError: a file changed since.
    """
    directory = step_directory(checkpoints, step)
    record = _read(directory)
    if record is None or not _complete(directory, record):
        raise UsageError(f"checkpoint {directory} is not whole; delete it to resume from the one before")
    for name, info in record.files.items():
        if (seen := sha256_of(directory / name)) != info.sha256:
            raise UsageError(
                f"checkpoint file {directory / name} hashes to {seen[:12]}, written as {info.sha256[:12]}: it was "
                f"changed or the disk is failing; delete {directory} to resume from the checkpoint before"
            )
    return directory


def prune(checkpoints: Path, *, keep: int) -> None:
    """Remove all but the ``keep`` newest."""
    for path in sorted(checkpoints.glob("step-*"), reverse=True)[keep:]:
        shutil.rmtree(path, ignore_errors=True)


def append_journal(journal: Path, commit: Commit) -> None:
    """One line: step, version, entries, trajectory ids."""
    line = {
        "step": commit.step,
        "version": commit.version,
        "entries": commit.entries,
        "trajectory_ids": commit.trajectory_ids,
    }
    with journal.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")
    sync_file(journal)


def repair_journal(journal: Path, commit: Commit | None) -> None:
    """Make the journal end with ``commit``: cut a torn line and lines of lost steps, append a missing one."""
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    last = commit.step if commit is not None else 0
    whole = [line for line in lines if line.endswith(b"\n") and _step_of(line) <= last]
    if whole != lines:
        unfinished = journal.with_name(f"{journal.name}.unfinished")
        unfinished.write_bytes(b"".join(whole))
        sync_file(unfinished)
        os.rename(unfinished, journal)
    if commit is not None and (not whole or _step_of(whole[-1]) < commit.step):
        append_journal(journal, commit)


def _step_of(line: bytes) -> int:
    return int(msgspec.json.decode(line)["step"])


def _read(directory: Path) -> Record | None:
    try:
        return msgspec.json.decode((directory / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def _complete(directory: Path, record: Record) -> bool:
    """Sizes only: hashing a large model twice at every resume would be waste; ``verify`` does it once."""
    paths = ((directory / name, info) for name, info in record.files.items())
    return all(path.is_file() and path.stat().st_size == info.num_bytes for path, info in paths)


def _disk_errors(checkpoints: Path, step: int) -> AbstractContextManager[None]:
    return disk_errors(
        checkpoints, what=f"checkpoint of step {step}", hint="the checkpoint before it is whole and still the latest"
    )
