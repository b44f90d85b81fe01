"""Stores of published versions in shared memory, which outlive a run that was killed, and would for ever.

A run holds a lock beside its store; the kernel gives it back however the run ends, in whichever container it was. What
nobody holds and nobody has written to for a day is removed when the next run starts.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparring.learner.publish import SHARED_MEMORY

log = logging.getLogger(__name__)

# As ``learner.publish.default_store`` names them.
STORE = re.compile(r"sparring-.*-[0-9a-f]{8}")
# A store is held a while after it was made, and the versions of a killed run may be served or looked at.
KEPT_S = 86_400.0


@contextmanager
def held(store: Path) -> Iterator[None]:
    """Keep others from removing ``store`` as long as this lasts; remove what nobody holds. Elsewhere: nothing."""
    if store.parent != SHARED_MEMORY or not STORE.fullmatch(store.name):
        yield
        return
    sweep(store.parent)
    lock = _locked(store)
    if lock is None:
        log.warning("store not locked path=%s: another process holds it, or it belongs to another user", store)
    try:
        yield
    finally:
        if lock is not None:
            _unlock(store, lock)


def sweep(place: Path) -> list[Path]:
    """Remove stores in ``place`` that no process holds and nobody has written to for ``KEPT_S``; returns those."""
    found = sorted(path for path in place.iterdir() if STORE.fullmatch(path.name) and _is_ours(path))
    removed = []
    for store in found:
        if time.time() - _written(store) < KEPT_S or (lock := _locked(store)) is None:
            continue
        try:
            if time.time() - _written(store) >= KEPT_S:  # nobody has taken it up meanwhile
                shutil.rmtree(store, ignore_errors=True)
                removed.append(store)
                log.warning("store of a run that is gone removed path=%s", store)
        finally:
            _unlock(store, lock)
    return removed


def _lock_path(store: Path) -> Path:
    return store.with_name(f"{store.name}.lock")


def _locked(store: Path) -> int | None:
    """The lock of a store; None if another process has it."""
    path = _lock_path(store)
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), os.stat(path)):
                return lock
        except FileNotFoundError:
            pass  # its last holder removed the file between our two calls: it locks nothing any more
        except OSError:
            os.close(lock)
            return None
        os.close(lock)


def _unlock(store: Path, lock: int) -> None:
    _lock_path(store).unlink(missing_ok=True)
    os.close(lock)


def _is_ours(path: Path) -> bool:
    """Whether this is a directory of this user's, and no link to one."""
    try:
        return path.is_dir() and not path.is_symlink() and path.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def _written(store: Path) -> float:
    """When something in a store was last written; now if it can not be said."""
    try:
        return max(path.lstat().st_mtime for path in (store, *store.rglob("*")))
    except OSError:  # it changes while we look
        return time.time()
