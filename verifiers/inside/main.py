"""The program of a zygote: an interpreter that forks one child for each untrusted program.

    parent ── socket: limits, two descriptors ──► zygote ── fork ──► child
    parent ── memory file: program, arguments ─────────────────────►   │ reads it after the fork
    parent ◄─ pipe: ready, one frame a value, the seal ─────────────   ┘ runs, writes, exits
    parent ◄─ socket: how the child ended ─────── zygote (waits with a deadline, kills, reaps)

The zygote passes both descriptors on without reading them: whatever it held, the next child could find in its
copy of the zygote's memory: an earlier program, or an earlier program's value. Started as
``python -s -P -S -c BOOT ROOT SOCKET OPTIONS`` with an environment of its own (never ``-I``, which ignores
PYTHONHASHSEED). What confines a child is chosen by the parent: see docs/executor.md.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import posix
import random
import signal
import socket
import sys
import time

from sparring.verifiers.inside.child import run_child
from sparring.verifiers.inside.confinement import Confinement, Options
from sparring.verifiers.inside.kernel import (
    CLONE_NEWPID,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    check,
    high,
    libc,
    prctl,
)
from sparring.verifiers.inside.program import MODULE, Results, evaluate, shun_datetime_in_c
from sparring.verifiers.inside.watch import forget_listeners, kill_orphans, watch
from sparring.verifiers.inside.wire import MESSAGE_BYTES, REQUEST, Ending, Request

# What ``python -c`` is given: finds this package under ROOT, and forgets where it was before a child could look there.
# A child has one thread as we do, and the zygote's random state: what libraries would do at a fork is not wanted.
BOOT = """
import os, sys
os.register_at_fork = lambda **handlers: None
sys.path.insert(0, sys.argv[1])
from sparring.verifiers.inside.main import main
del sys.path[0]
main(*sys.argv[2:])
"""
# What most programs want, imported once. Every module that is a library of its own makes every fork dearer.
PRELOADED = """
abc bisect collections collections.abc contextlib copy dataclasses enum functools heapq io itertools json keyword math
numbers operator random re string struct textwrap time types typing warnings weakref
"""
# What others want: a child imports it when it is asked to, where it can read the files: in a jail.
OFFERED = f"""{PRELOADED}
array base64 calendar cmath colorsys csv datetime decimal difflib fractions hashlib html pprint queue secrets
statistics threading timeit traceback unicodedata uuid zlib
"""
# So often does the interpreter run a function before it specialises its code, which a child should find done.
WARM_RUNS = 16


def main(control_fd: str, options_json: str) -> None:
    """Serve runs until the other end of the socket closes."""
    options = _options(options_json)
    for name in set(os.environ) - set(options["environment"]):  # what bubblewrap and the C locale put there
        del os.environ[name]
    if options["affinity"]:
        os.sched_setaffinity(0, options["affinity"])
    prctl(PR_SET_DUMPABLE, 0)  # its memory and descriptors are nobody's, in /proc as by ptrace
    shun_datetime_in_c()
    if options["preload"]:
        warm_up(options["preload"])
    os.register_at_fork = posix.register_at_fork
    random.seed(options["seed"])
    # Orphans of a program become children of this process, where they are found and killed.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    control, confinement = socket.socket(fileno=high(int(control_fd))), Confinement(options)
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page
    control.send(b"ready")
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not data:
            return
        request = Request(*REQUEST.unpack(data))
        try:
            ending = _run(request, confinement, control, *descriptors, perturbed=options["perturb"])
        except ConnectionError:
            return
        control.send(ending.packed())


def _options(text: str) -> Options:
    options: Options = json.loads(text)
    return options


def warm_up(modules: str = PRELOADED) -> None:
    """Do once what every child would otherwise do again."""
    for name in modules.split():
        importlib.import_module(name)
    # The parser and the compiler set themselves up when first used: half of a child's time.
    null = os.open("/dev/null", os.O_WRONLY)
    for _ in range(WARM_RUNS):
        results = Results(null, "", max_chars=100, capacity_bytes=65_536)
        evaluate("class A:\n    x = [1]\ndef f(x):\n    return {x: (1.5, 'a')}", ["1"], results)
    os.close(null)
    del sys.modules[MODULE]


def _run(
    request: Request, confinement: Confinement, control: socket.socket, program_fd: int, result_fd: int,
    *, perturbed: bool,
) -> Ending:  # fmt: skip
    """Fork, wait and reap.

    Raises:   ConnectionError: the parent has gone.
    """
    started = time.monotonic()
    child = _fork(confinement)
    if child == 0:
        try:
            run_child(request, confinement, program_fd, result_fd, perturbed=perturbed)
        finally:
            os._exit(70)  # no code of the zygote may run in a child
    os.close(program_fd)
    os.close(result_fd)
    pid_fd = os.pidfd_open(child)
    try:
        end, call, arguments = watch(child, pid_fd, control, confinement, started, request)
    finally:
        signal.pidfd_send_signal(pid_fd, signal.SIGKILL)  # to a zombie as well: it is not reaped yet
        os.close(pid_fd)
        _, status, usage = os.wait4(child, 0)
        if not confinement.pid_namespaces:  # else the kernel ended what the first process of the namespace left
            kill_orphans()
        forget_listeners(confinement)
    return Ending(
        status=status,
        end=end,
        own_pid=1 if confinement.pid_namespaces else child,
        cpu_s=usage.ru_utime + usage.ru_stime,
        seconds=time.monotonic() - started,
        memory_kib=usage.ru_maxrss,
        call=call,
        arguments=arguments,
    )


def _fork(confinement: Confinement) -> int:
    """As ``os.fork``; the child is the first process of a new namespace, where asked."""
    if not confinement.pid_namespaces:
        return os.fork()
    check(libc.unshare(CLONE_NEWPID), "unshare a PID namespace")
    child = os.fork()
    if child:
        check(libc.setns(confinement.own_pid_fd, CLONE_NEWPID), "return to the own PID namespace")
    return child
