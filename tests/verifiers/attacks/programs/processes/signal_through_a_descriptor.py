# try: reach the zygote and the host by a pidfd
# outcome: ok|runtime_error|forbidden|crashed

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    for pid in {os.getppid(), 1, x["host_pid"]} - {os.getpid(), 0}:
        descriptor = libc.syscall(434, pid, 0)
        if descriptor < 0:
            continue
        if libc.syscall(424, descriptor, 0, None, 0) == 0:
            return "escaped: may signal the parent"
        for number in range(64):
            if libc.syscall(438, descriptor, number, 0) >= 0:
                return "escaped: took a descriptor"
    return "held"
