# try: attach to the zygote as a debugger
# outcome: ok|runtime_error|forbidden|crashed
# study: 25

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    for pid in {os.getppid(), 1, x["host_pid"]} - {os.getpid()}:
        for request in (16, 0x4206):
            if libc.ptrace(request, pid, None, None) == 0:
                return "escaped: attached"
    return "held"
