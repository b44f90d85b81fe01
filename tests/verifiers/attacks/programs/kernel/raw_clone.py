# try: clone, fork, vfork and clone3 without the C library
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    for number, arguments in ((56, (17, 0, 0, 0, 0)), (57, ()), (435, ((ctypes.c_uint64 * 8)(0, 0, 0, 0, 17), 64))):
        pid = libc.syscall(number, *arguments)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            return f"escaped: system call {number}"
    return "held"
