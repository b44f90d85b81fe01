# try: stop the kernel in the middle of a copy
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    return "escaped: userfaultfd" if max(libc.syscall(323, 0), libc.syscall(323, 1)) >= 0 else "held"
