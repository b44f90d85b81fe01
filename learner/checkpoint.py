"""The learner's commits: one directory each, whole or absent.

    checkpoints/step-00000012/commit.json      the record below, with size and hash of every other file
    checkpoints/step-00000012/deepspeed/...    weights and optimizer, a part per rank
    checkpoints/step-00000012/random-0.pt      random state of a rank's process

A checkpoint is written under another name, forced to the disk and renamed. The journal is derived from the commits: its
last line may be missing after a crash and is appended on resume. Together they say which replay entries are in the
weights; what Redis has been told of it may be behind, and a resume tells it again.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from sparring.core.errors import UsageError
from sparring.core.manifest import sha256_of
from sparring.learner.disk import disk_errors, sync_directory, sync_file, sync_tree

RECORD = "commit.json"
UNFINISHED = ".unfinished-"
_NAME = re.compile(r"step-\d{8,}")


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
        if final.exists():
            _remove(final)
        os.rename(unfinished, final)
        sync_directory(checkpoints)
        append_journal(journal, commit)
        prune(checkpoints, keep=keep)
    return final


def abandon(unfinished: Path) -> None:
    """Give back the space of a checkpoint that could not be written."""
    shutil.rmtree(unfinished, ignore_errors=True)


def latest(checkpoints: Path) -> Commit | None:
    """The newest checkpoint's commit. Removes what a crash left half written, and never a checkpoint.

    Raises:   UsageError: the newest one is damaged, or can not be read now.
    """
    with _readable(checkpoints):
        for path in checkpoints.glob(f"{UNFINISHED}*"):
            shutil.rmtree(path)
        found = _newest_first(checkpoints)
    for path in found:
        if (record := _read(path)) is not None:
            _check_files(path, record)
            return record.commit
    return None


def verify(checkpoints: Path, *, step: int) -> Path:
    """The directory of a checkpoint whose files hash to what was written.

    Raises:   UsageError: a file changed since, or can not be read now.
    """
    directory = step_directory(checkpoints, step)
    record = _read(directory)
    if record is None:
        raise _damaged(directory / RECORD, "is missing")
    _check_files(directory, record)
    for name, info in record.files.items():
        with _readable(directory / name):
            seen = sha256_of(directory / name)
        if seen != info.sha256:
            raise _damaged(directory / name, f"hashes to {seen[:12]}, written as {info.sha256[:12]}")
    return directory


def prune(checkpoints: Path, *, keep: int) -> None:
    """Remove all but the ``keep`` newest."""
    for path in _newest_first(checkpoints)[keep:]:
        _remove(path)


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


def consumed_entries(journal: Path, commit: Commit) -> tuple[str, ...]:
    """Every replay entry that the weights of ``commit`` have learned from, oldest first.

    Of all steps and not of the last alone: a step's acknowledgement waits for the replicas, beside the next steps, so a
    run may die with several of them outstanding; and a Redis that lost power may have forgotten some.

    Raises:   UsageError: the journal holds something else than a run writes.
    """
    entries = [entry for line in _lines(journal) if line.step <= commit.step for entry in line.entries]
    return tuple(dict.fromkeys([*entries, *commit.entries]))


def unlearned_entries(journal: Path, commit: Commit | None) -> tuple[str, ...]:
    """What the steps after ``commit`` consumed, whose checkpoints are gone: to be learned from once more.

    Raises:   UsageError: see ``consumed_entries``.
    """
    step = commit.step if commit is not None else 0
    return tuple(entry for line in _lines(journal) if line.step > step for entry in line.entries)


def _lines(journal: Path) -> list[_Line]:
    whole = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    try:
        return [msgspec.json.decode(line, type=_Line) for line in whole if line.endswith(b"\n")]
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{journal} can not be read: {error}; expected one JSON object a line, with step and entries, as a run "
            "writes it; restore the file: it says what the checkpoints have learned from"
        ) from error


class _Line(msgspec.Struct, frozen=True):
    step: int
    entries: tuple[str, ...]


def _step_of(line: bytes) -> int:
    return int(msgspec.json.decode(line)["step"])


def _newest_first(checkpoints: Path) -> list[Path]:
    """Checkpoints alone: people put theirs aside under names such as step-00000012.damaged."""
    return sorted((path for path in checkpoints.glob("step-*") if _NAME.fullmatch(path.name)), reverse=True)


def _remove(path: Path) -> None:
    """Under another name first: a crash in the middle must leave no half of a checkpoint."""
    leaving = path.with_name(f"{UNFINISHED}{path.name}")
    shutil.rmtree(leaving, ignore_errors=True)
    os.rename(path, leaving)
    shutil.rmtree(leaving, ignore_errors=True)


def _read(directory: Path) -> Record | None:
    """None: no checkpoint, for a record is there from the rename on."""
    path = directory / RECORD
    try:
        with _readable(path, but=FileNotFoundError):
            return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise _damaged(path, f"is no record of a checkpoint ({error})") from error


def _check_files(directory: Path, record: Record) -> None:
    """Sizes only: hashing a large model twice at every resume would be waste; ``verify`` does it once."""
    for name, info in record.files.items():
        path = directory / name
        try:
            with _readable(path, but=FileNotFoundError):
                seen = path.stat().st_size
        except FileNotFoundError as error:
            raise _damaged(path, "is missing") from error
        if seen != info.num_bytes:
            raise _damaged(path, f"has {seen} bytes, written as {info.num_bytes}")


@contextmanager
def _readable(path: Path, *, but: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Says that a file can not be read now, which is no reason to do without its checkpoint; ``but`` goes through."""
    try:
        yield
    except but:
        raise
    except OSError as error:
        raise UsageError(
            f"checkpoint file {path} can not be read: {error.strerror or error}; nothing was changed; mount or repair "
            "what it is on and resume again"
        ) from error


def _damaged(path: Path, seen: str) -> UsageError:
    directory = next(parent for parent in path.parents if _NAME.fullmatch(parent.name))
    return UsageError(
        f"checkpoint file {path} {seen}: it was changed, or the disk is failing. Nothing was removed: restore "
        f"{directory} from a copy, or move it out of {directory.parent} to resume from the checkpoint before it, "
        "which works as long as Redis holds what was learned from since"
    )


def _disk_errors(checkpoints: Path, step: int) -> AbstractContextManager[None]:
    return disk_errors(
        checkpoints, what=f"checkpoint of step {step}", hint="the checkpoint before it is whole and still the latest"
    )
