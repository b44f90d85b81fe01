# try: the numbers of another ABI, which a filter may not know
# outcome: ok|runtime_error|forbidden|crashed
# study: 30

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    for number in (41, 56, 57, 58, 59, 101, 272, 165):
        if libc.syscall(0x40000000 | number, 2, 1, 0) >= 0:
            return f"escaped: x32 call {number}"
    return "held"
