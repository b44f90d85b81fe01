"""What the standard library does not offer of the kernel."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import select

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_CAP_AMBIENT = 1, 4, 24, 47
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT_CLEAR_ALL = 36, 38, 4
CAP_SETPCAP, CAP_SYS_ADMIN, CAPABILITY_VERSION = 8, 21, 0x20080522
CLONE_NEWPID = 0x20000000
# Numbers of the calls that the C library does not wrap; seccomp(2) and landlock(7) have their arguments.
KNOWN_MACHINES = {"x86_64": (317, 126), "aarch64": (277, 91)}
SYS_SECCOMP, SYS_CAPSET = KNOWN_MACHINES.get(os.uname().machine, (-1, -1))
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 444, 445, 446  # on every architecture
EPOLLIN = int(select.EPOLLIN)
# Above every number that a child expects to be open.
FREE_FD = 10

libc = ctypes.CDLL(None, use_errno=True)
mmap = libc.mmap
mmap.restype = ctypes.c_void_p
mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)


def prctl(option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def high(descriptor: int) -> int:
    """The same file under a number that no child expects; the old number is closed."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD, FREE_FD)
    os.close(descriptor)
    return high


def address_space() -> int:
    """Bytes of address space this process has mapped, to the page: the least limit at which a page more is had.

    Found by trying, as the jail has no /proc.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    page = resource.getpagesize()
    low, high = 0, 1 << 28  # in pages
    try:
        while high - low > 1:
            middle = (low + high) // 2
            resource.setrlimit(resource.RLIMIT_AS, (middle * page, hard))
            place = mmap(None, page, 0, 0x22, -1, 0)  # private, anonymous
            if place == ctypes.c_void_p(-1).value:
                low = middle
            else:
                high = middle
                libc.munmap(ctypes.c_void_p(place), page)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return low * page
