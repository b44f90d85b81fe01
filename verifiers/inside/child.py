"""What a child does before it runs a program: give up everything that the program does not need.

Every page of memory that a child writes to is copied for it, and Python writes to whatever it uses. So what can be
prepared for all children is (confinement.py), and this does little, with few modules.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import struct

from sparring.verifiers.inside.confinement import Confinement
from sparring.verifiers.inside.kernel import (
    CAPABILITY_VERSION,
    EPOLLIN,
    PR_SET_PDEATHSIG,
    SYS_CAPSET,
    SYS_LANDLOCK_RESTRICT,
    SYS_SECCOMP,
    check,
    high,
    libc,
    prctl,
)
from sparring.verifiers.inside.program import Results, answer, perturb
from sparring.verifiers.inside.wire import Request, parts_of

# Room to say that the memory ran out, above the soft limit.
MEMORY_RESERVE = 16 << 20
# What a child finds open besides the standard streams, the program only until it has read it.
PROGRAM_FD, RESULT_FD = 3, 4
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
# A child of a root zygote becomes one of these users, a different one in each of many zygotes.
FIRST_UID, NUM_UIDS = 64_000, 1_000
NO_CAPABILITIES = (struct.pack("=Ii", CAPABILITY_VERSION, 0), bytes(24))
MOST_PARTS = 1_000  # of what a child reads: the seal, the program, its arguments


def run_child(request: Request, confinement: Confinement, program_fd: int, result_fd: int, *, perturbed: bool) -> None:
    """Does not return."""
    os.setsid()
    _arrange_descriptors(confinement, program_fd, result_fd)
    seal, program, *arguments = _content(request)
    _limit(request, confinement.baseline_bytes)
    _give_up_rights(confinement)
    confinement.close_kept()
    if perturbed:
        perturb()
    results = Results(RESULT_FD, seal, max_chars=request.output_chars, capacity_bytes=request.result_bytes)
    results.ready()
    answer(program, arguments, results)
    os._exit(0)


def _arrange_descriptors(confinement: Confinement, program_fd: int, result_fd: int) -> None:
    """Every child finds the same numbers open, and nothing else."""
    if (program_fd, result_fd) != (PROGRAM_FD, RESULT_FD):  # as they are, unless another descriptor was in the way
        program_fd, result_fd = high(program_fd), high(result_fd)
        os.dup2(program_fd, PROGRAM_FD)
        os.dup2(result_fd, RESULT_FD)
    # Opened for each child: one that all inherit would keep flags that a program sets on it (O_NONBLOCK).
    null = os.open("/dev/null", os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    confinement.close_all_but_kept(RESULT_FD + 1)


def _content(request: Request) -> list[str]:
    data = os.read(PROGRAM_FD, request.content_bytes)
    os.close(PROGRAM_FD)
    return [part.decode() for part in parts_of(data, most=MOST_PARTS)]


def _limit(request: Request, baseline_bytes: int) -> None:
    """Limits that the kernel keeps, soft = hard wherever a program could raise them; see also confinement.py."""
    # Behind the zygote's, which is exact. Equal: the first process of a namespace ignores the soft limit's signal.
    whole = int(request.cpu_s) + 1
    memory = baseline_bytes + request.memory_bytes
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory + MEMORY_RESERVE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _give_up_rights(confinement: Confinement) -> None:
    if confinement.become_user:
        uid = FIRST_UID + confinement.pid % NUM_UIDS
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if confinement.become_user or confinement.filter:
        # Counted per user, and this one has a process: no other can be started.
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if confinement.pid_namespaces:
        # The zygote keeps two, to make PID namespaces; its children have none and can get none.
        check(libc.syscall(SYS_CAPSET, *NO_CAPABILITIES), "capset")
    # After a change of user, which clears it. A zygote that dies takes its child along.
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != (0 if confinement.pid_namespaces else confinement.pid):
        raise ChildProcessError("the zygote died before it could take its child along")
    if confinement.ruleset_fd >= 0:
        check(libc.syscall(SYS_LANDLOCK_RESTRICT, confinement.ruleset_fd, 0), "Landlock")
    if confinement.filter:
        _load_filter(confinement)


def _load_filter(confinement: Confinement) -> None:
    """From here on a forbidden call stops this process, and the zygote is told of it."""
    program = ctypes.byref(confinement.filter)  # type: ignore[arg-type]
    flag = SECCOMP_FILTER_FLAG_NEW_LISTENER
    listener = check(libc.syscall(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, flag, program), "seccomp")
    confinement.notices.register(listener, EPOLLIN)
    confinement.reporter.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=i", listener))])
    os.close(listener)
