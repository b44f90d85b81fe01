"""What is prepared once for all children of a zygote."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import socket
import struct
from typing import TypedDict

from sparring.verifiers.inside.kernel import (
    CAP_SETPCAP,
    CAP_SYS_ADMIN,
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAPBSET_DROP,
    PR_SET_NO_NEW_PRIVS,
    SYS_LANDLOCK_ADD,
    SYS_LANDLOCK_CREATE,
    address_space,
    check,
    high,
    libc,
    prctl,
)

OPEN_FILES = 64

LANDLOCK_READ_FILE, LANDLOCK_READ_DIR, LANDLOCK_WRITE_FILE = 4, 8, 2
# Rights on files known to each version of Landlock's interface; the last one knows all of those before it.
LANDLOCK_RIGHTS = (13, 14, 15, 15, 16)


class Options(TypedDict):
    """What a parent asks of its zygote, the same for every program."""

    seed: int
    perturb: bool
    environment: list[str]  # names of the variables that stay
    affinity: list[int]  # cores; empty: any
    preload: str  # modules to import before the first program, with spaces between; empty: none, and no warm-up
    pid_namespaces: bool  # one for each program; needs CAP_SYS_ADMIN
    become_user: bool  # of its own for each zygote; needs root
    filter_fd: int  # holds a seccomp filter; -1: none
    landlock: list[list[str]]  # directories to list, files and directories to read, files to read and write


class Confinement:
    """What is prepared once for all children: descriptors, all above those that a child expects, and lost rights."""

    def __init__(self, options: Options) -> None:
        self.pid_namespaces, self.become_user = options["pid_namespaces"], options["become_user"]
        self.pid = os.getpid()
        self.own_pid_fd = high(os.pidfd_open(self.pid))
        self.filter = _filter(options["filter_fd"]) if options["filter_fd"] >= 0 else None
        self.ruleset_fd = high(_ruleset(*options["landlock"])) if options["landlock"] else -1
        # A child sends the descriptor of its filter's reports from one end to the other.
        reports, reporter = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reports, self.reporter = (socket.socket(fileno=high(end.detach())) for end in (reports, reporter))
        self.reports.setblocking(False)
        # Says that one of those descriptors has something to say, without a look at each.
        self.notices = select.epoll.fromfd(high(os.dup((created := select.epoll()).fileno())))
        created.close()
        self._kept = sorted(fd for fd in (self.ruleset_fd, self.reporter.fileno(), self.notices.fileno()) if fd >= 0)
        self.baseline_bytes = address_space()
        self._give_up()

    def _give_up(self) -> None:
        """What a zygote can do without: its children start with as little."""
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        if self.pid_namespaces:
            # It keeps two rights, to make namespaces and to drop rights, and nothing that it starts can get more.
            for capability in (CAP_SYS_ADMIN, CAP_SETPCAP):
                prctl(PR_CAPBSET_DROP, capability)
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        for limit, most in (
            (resource.RLIMIT_NOFILE, OPEN_FILES),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_MEMLOCK, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
        ):
            resource.setrlimit(limit, (most, most))

    def close_all_but_kept(self, start: int) -> None:
        """Every descriptor from ``start`` on but those that a child needs until it has given up its rights."""
        for kept in self._kept:
            os.closerange(start, kept)
            start = kept + 1
        os.closerange(start, 1 << 20)

    def close_kept(self) -> None:
        """Those, then."""
        for kept in self._kept:
            os.close(kept)


class _Program(ctypes.Structure):
    """struct sock_fprog of <linux/filter.h>."""

    _fields_ = (("num_instructions", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter(descriptor: int) -> _Program:
    with open(descriptor, "rb") as file:
        code = file.read()
    return _Program(len(code) // 8, code)


def _ruleset(listed: list[str], read: list[str], written: list[str]) -> int:
    """A Landlock ruleset that grants these rights and denies all others that the kernel knows of."""
    version = check(libc.syscall(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1), "Landlock")
    known = (1 << LANDLOCK_RIGHTS[min(version, len(LANDLOCK_RIGHTS)) - 1]) - 1
    network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)  # all rights that exist
    attributes = struct.pack("=QQQ", known, network, scope)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = check(
        libc.syscall(SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0), "Landlock ruleset"
    )
    read_write = LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE
    for rights, paths in ((LANDLOCK_READ_DIR, listed), (LANDLOCK_READ_FILE, read), (read_write, written)):
        for path in paths:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", rights, place)
            check(libc.syscall(SYS_LANDLOCK_ADD, ruleset, 1, rule, 0), f"Landlock rule for {path}")
            os.close(place)
    return ruleset
