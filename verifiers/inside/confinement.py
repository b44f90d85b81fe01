"""What is prepared once for all children of a zygote."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from typing import TypedDict

from sparring.verifiers.inside.kernel import (
    SYS_LANDLOCK_ADD,
    SYS_LANDLOCK_CREATE,
    address_space,
    check,
    high,
    libc,
)

LANDLOCK_READ_FILE, LANDLOCK_READ_DIR, LANDLOCK_WRITE_FILE = 4, 8, 2
# Rights on files known to each version of Landlock's interface; the last one knows all of those before it.
LANDLOCK_RIGHTS = (13, 14, 15, 15, 16)


class Options(TypedDict):
    """What a parent asks of its zygote, the same for every program."""

    seed: int
    perturb: bool
    environment: list[str]  # names of the variables that stay
    affinity: list[int]  # cores; empty: any
    preload: bool
    pid_namespaces: bool  # one for each program; needs CAP_SYS_ADMIN
    become_user: bool  # of its own for each zygote; needs root
    filter_fd: int  # holds a seccomp filter; -1: none
    landlock: list[list[str]]  # directories to list, files and directories to read, files to read and write


class Confinement:
    """What is prepared once for all children."""

    def __init__(self, options: Options) -> None:
        self.pid_namespaces, self.become_user = options["pid_namespaces"], options["become_user"]
        self.own_pid_fd = os.pidfd_open(os.getpid())
        self.filter = _filter(options["filter_fd"]) if options["filter_fd"] >= 0 else None
        self.ruleset_fd = high(_ruleset(*options["landlock"])) if options["landlock"] else -1
        # A child sends the descriptor of its filter's reports from one end to the other.
        self.reports, reporter = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reporter_fd = high(reporter.detach())
        self.reporter = socket.socket(fileno=self.reporter_fd)
        self.reports.setblocking(False)
        self.baseline_bytes = address_space()


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
