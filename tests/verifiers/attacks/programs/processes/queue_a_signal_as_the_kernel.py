# try: a forged signal to the parent
# outcome: ok|runtime_error|forbidden|crashed

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    details = (ctypes.c_int * 32)(0, 0, -1)
    for pid in {os.getppid(), x["host_pid"]} - {0, os.getpid()}:
        if libc.syscall(129, pid, 0, details) == 0:
            return "escaped: queued a signal"
    return "held"
