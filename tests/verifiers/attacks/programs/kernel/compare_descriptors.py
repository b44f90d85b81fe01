# try: kcmp, process_madvise, pidfd tricks and page moves on the parent
# outcome: ok|runtime_error|forbidden|crashed

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    for pid in {os.getppid(), x["host_pid"]} - {0, os.getpid()}:
        if libc.syscall(312, os.getpid(), pid, 0, 0, 0) >= 0:
            return "escaped: kcmp"
        if libc.syscall(256, pid, 64, None, None) >= 0:
            return "escaped: migrate_pages"
    return "held"
