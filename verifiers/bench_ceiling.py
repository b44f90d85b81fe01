"""The most programs a second that any executor with a PID namespace per program could run: fork, end, reap, no more.

Started as ``python -s -P -S bench_ceiling.py ROOT WORK``; ROOT is where the package ``sparring`` is, WORK is ``fork``
(the child ends at once) or ``run`` (it compiles and calls the program first). For each line ``SECONDS`` on its input it
works so long and answers ``COUNT ELAPSED``. The process is as large as a zygote: it imports and warms up what
inside/main.py does. Standard library only.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time

os.register_at_fork = lambda **handlers: None  # as in a zygote
sys.path.insert(0, sys.argv[1])
from sparring.verifiers.inside.main import warm_up  # noqa: E402

PROGRAM = "def f(x):\n    return x + 1"
CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def main(work: str) -> None:
    """Move into a namespace whose processes may make more of them, then serve."""
    _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWPID), "unshare")
    inside = os.fork()
    if inside:
        os.waitpid(inside, 0)
        return
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    warm_up()
    own = os.pidfd_open(os.getpid())
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        count, started = 0, time.monotonic()
        end = started + float(line)
        while time.monotonic() < end:
            _one(own, runs=work == "run")
            count += 1
        print(count, time.monotonic() - started, flush=True)


def _one(own: int, *, runs: bool) -> None:
    _check(_libc.unshare(CLONE_NEWPID), "unshare")
    child = os.fork()
    if child == 0:
        if runs:
            namespace: dict[str, object] = {}
            exec(compile(PROGRAM, "<program>", "exec"), namespace)
            repr(eval("f(1)", namespace))
        os._exit(0)
    _check(_libc.setns(own, CLONE_NEWPID), "setns")
    os.waitpid(child, 0)


def _check(result: int, what: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(sys.argv[2])
