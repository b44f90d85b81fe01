# try: a program inside the kernel
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    return "escaped: bpf" if libc.syscall(321, 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128) >= 0 else "held"
