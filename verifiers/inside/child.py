"""What a child does before it runs a program: give up everything that the program does not need."""

from __future__ import annotations

import array
import ctypes
import json
import os
import random
import resource
import signal
import socket
import struct
from typing import Any

from sparring.verifiers.inside.confinement import Confinement
from sparring.verifiers.inside.kernel import (
    CAP_SETPCAP,
    CAP_SYS_ADMIN,
    CAPABILITY_VERSION,
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAPBSET_DROP,
    PR_SET_NO_NEW_PRIVS,
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

# Room to say that the memory ran out, above the soft limit.
MEMORY_RESERVE = 16 << 20
OPEN_FILES = 64
# What a child finds open besides the standard streams, the program only until it has read it.
PROGRAM_FD, RESULT_FD = 3, 4
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
# A child of a root zygote becomes one of these users, a different one in each of many zygotes.
FIRST_UID, NUM_UIDS = 64_000, 1_000


def run_child(request: dict[str, Any], confinement: Confinement, program_fd: int, result_fd: int) -> None:
    os.setsid()
    _arrange_descriptors(confinement, program_fd, result_fd)
    content = json.loads(os.read(PROGRAM_FD, os.fstat(PROGRAM_FD).st_size))
    os.close(PROGRAM_FD)
    _limit(request)
    _give_up_rights(request, confinement)
    os.close(confinement.reporter_fd)
    random.seed(request["seed"])  # here, as every fork seeds it anew
    if request["perturb"]:
        perturb()
    results = Results(
        RESULT_FD, content["seal"], max_chars=request["output_chars"], capacity_bytes=request["result_bytes"]
    )
    results.ready()
    answer(content["program"], content["arguments"], results)
    os._exit(0)


def _arrange_descriptors(confinement: Confinement, program_fd: int, result_fd: int) -> None:
    """Every child finds the same numbers open, and nothing else."""
    program_fd, result_fd = high(program_fd), high(result_fd)
    # Opened for each child: one that all inherit would keep flags that a program sets on it (O_NONBLOCK).
    null = os.open("/dev/null", os.O_RDWR)
    for target, descriptor in ((0, null), (1, null), (2, null), (PROGRAM_FD, program_fd), (RESULT_FD, result_fd)):
        os.dup2(descriptor, target)
    start = RESULT_FD + 1
    for kept in sorted((confinement.ruleset_fd, confinement.reporter_fd)):
        if kept >= 0:
            os.closerange(start, kept)
            start = kept + 1
    os.closerange(start, 1 << 20)


def _limit(request: dict[str, Any]) -> None:
    """Limits that the kernel keeps, soft = hard wherever a program could raise them."""
    # Behind the zygote's, which is exact. Equal: the first process of a namespace ignores the soft limit's signal.
    whole = int(request["cpu_s"]) + 1
    memory = request["address_space"]
    for limit, soft, hard in (
        (resource.RLIMIT_CPU, whole, whole),
        (resource.RLIMIT_AS, memory, memory + MEMORY_RESERVE),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ):
        resource.setrlimit(limit, (soft, hard))


def _give_up_rights(request: dict[str, Any], confinement: Confinement) -> None:
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if confinement.become_user:
        uid = FIRST_UID + os.getppid() % NUM_UIDS
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if confinement.become_user or confinement.filter:
        # Counted per user, and this one has a process: no other can be started.
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if confinement.pid_namespaces:
        _drop_capabilities()
    # After a change of user, which clears it. A zygote that dies takes its child along.
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != (0 if confinement.pid_namespaces else request["zygote"]):
        raise ChildProcessError("the zygote died before it could take its child along")
    if confinement.ruleset_fd >= 0:
        check(libc.syscall(SYS_LANDLOCK_RESTRICT, confinement.ruleset_fd, 0), "Landlock")
        os.close(confinement.ruleset_fd)
    if confinement.filter:
        _load_filter(confinement)


def _drop_capabilities() -> None:
    """The zygote keeps two, to make PID namespaces; its children have none and can get none."""
    for capability in (CAP_SYS_ADMIN, CAP_SETPCAP):
        prctl(PR_CAPBSET_DROP, capability)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    check(libc.syscall(SYS_CAPSET[os.uname().machine], header, bytes(24)), "capset")


def _load_filter(confinement: Confinement) -> None:
    """From here on a forbidden call stops this process, and the zygote is told of it."""
    number, flag = SYS_SECCOMP[os.uname().machine], SECCOMP_FILTER_FLAG_NEW_LISTENER
    program = ctypes.byref(confinement.filter)  # type: ignore[arg-type]
    listener = check(libc.syscall(number, SECCOMP_SET_MODE_FILTER, flag, program), "seccomp")
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
    confinement.reporter.sendmsg([b"."], ancillary)
    os.close(listener)
