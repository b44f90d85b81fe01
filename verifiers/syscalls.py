"""The system calls a program may make, as a filter that the kernel runs (seccomp-BPF, compiled by libseccomp).

A list of what is allowed: everything else is stopped before it happens, reported by name, and ends the program.
No process or thread can be made, so the limits of one process are the limits of a program; nothing can be sent to
anyone, because no socket can be had and no other process can be signalled; nothing can be created or changed in a
file system, even where it were writable.

Sources: seccomp(2), seccomp_unotify(2); the calls are those that CPython 3.11 and 3.12 were seen to make.
"""

from __future__ import annotations

import errno
import functools
import os

# Values of <fcntl.h> and <linux/prctl.h> that are not in the modules of the standard library.
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
PR_SET_NAME, PR_GET_NAME, PR_SET_VMA = 15, 16, 0x53564D41

ALLOWED = """
read readv pread64 write writev close close_range lseek dup dup2 dup3 pipe pipe2 poll ppoll select pselect6
open openat stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents64
statfs fstatfs getcwd chdir fchdir umask
brk mmap munmap mremap mprotect madvise mincore membarrier futex set_robust_list rseq set_tid_address arch_prctl
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause
nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getitimer setitimer alarm
getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getpgid getsid
getrusage getrlimit setrlimit getpriority uname sysinfo sched_yield sched_getaffinity sched_getscheduler getcpu
getrandom exit exit_group restart_syscall
"""
# The child hands over the descriptor on which its forbidden calls are reported, and has it watched. No socket and no
# epoll descriptor is open afterwards.
ALLOWED_ONCE = "sendmsg epoll_ctl"
# Not dangerous, and asked for by libraries that do without when refused.
REFUSED = {"clone3": errno.ENOSYS, "openat2": errno.ENOSYS, "epoll_pwait2": errno.ENOSYS, "ioctl": errno.ENOTTY}
# call, position of the argument, values that are allowed
BY_ARGUMENT = (
    ("prlimit64", 0, (0,)),  # of itself
    ("fcntl", 1, (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC)),
    ("prctl", 0, (PR_SET_NAME, PR_GET_NAME)),
)


@functools.cache
def compiled() -> bytes:
    """The filter for this machine.

    Raises:   ImportError: pyseccomp or libseccomp is missing.      RuntimeError, OSError: libseccomp can not.
    """
    import pyseccomp

    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.NOTIFY)
    # A binary tree instead of a list: loading it takes 10 us instead of 50, for the kernel tries every call once.
    rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)
    # Of x32 and foreign architectures the numbers mean other calls.
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for call in f"{ALLOWED} {ALLOWED_ONCE}".split():
        if _known(call):
            rules.add_rule(pyseccomp.ALLOW, call)
    for call, number in REFUSED.items():
        if _known(call):
            rules.add_rule(pyseccomp.ERRNO(number), call)
    for call, position, values in BY_ARGUMENT:
        for value in values:
            rules.add_rule(pyseccomp.ALLOW, call, pyseccomp.Arg(position, pyseccomp.EQ, value))
    rules.add_rule(pyseccomp.ERRNO(errno.EINVAL), "prctl", pyseccomp.Arg(0, pyseccomp.EQ, PR_SET_VMA))
    with open(os.memfd_create("filter", os.MFD_CLOEXEC), "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


@functools.cache
def name(number: int) -> str:
    """What people call the system call ``number``."""
    import pyseccomp

    try:
        found: str | bytes = pyseccomp.resolve_syscall(pyseccomp.system_arch(), number)
    except ValueError:
        return f"system call {number}"
    return found.decode() if isinstance(found, bytes) else found


def _known(call: str) -> bool:
    """Whether this architecture has ``call``."""
    import pyseccomp

    try:
        return int(pyseccomp.resolve_syscall(pyseccomp.system_arch(), call)) >= 0
    except ValueError:
        return False
