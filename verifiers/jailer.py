"""The first step into a jail for root: show an unprivileged user the interpreter, become that user, go on.

Started as ``python -I -S jailer.py SOURCES COMMAND``, both JSON. What the command names ``@0``, ``@1``, ... are the
sources: they are mounted where the user can reach them, in a mount namespace that ends with the jail, because an
interpreter of root's may lie in a directory that nobody else may enter. Imports the standard library only.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
STAGE = "/tmp"  # exists everywhere; covered in this namespace only
FIRST_UID, NUM_UIDS = 64_000, 1_000

_libc = ctypes.CDLL(None, use_errno=True)


def main(sources: list[str], command: list[str]) -> None:
    """Become the jail's first process; does not return."""
    _check(_libc.unshare(CLONE_NEWNS), "a mount namespace (CAP_SYS_ADMIN)")
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    handles = [os.open(source, os.O_PATH) for source in sources]
    _check(_libc.mount(b"stage", STAGE.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=755"), f"a tmpfs on {STAGE}")
    for position, (source, handle) in enumerate(zip(sources, handles, strict=True)):
        _show(source, handle, f"{STAGE}/{position}")
    uid = FIRST_UID + os.getpid() % NUM_UIDS
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    command = [f"{STAGE}/{word[1:]}" if word.startswith("@") else word for word in command]
    os.execv(command[0], command)


def _show(source: str, handle: int, place: str) -> None:
    if os.path.isdir(f"/proc/self/fd/{handle}"):
        os.mkdir(place)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    origin = f"/proc/self/fd/{handle}".encode()
    _check(_libc.mount(origin, place.encode(), None, MS_BIND, None), f"mount {source}")
    os.close(handle)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
