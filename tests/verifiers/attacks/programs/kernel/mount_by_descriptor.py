# try: the newer calls that mount
# outcome: ok|runtime_error|forbidden|crashed

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    tree = libc.syscall(428, -100, b"/", 1)
    if tree >= 0:
        return "escaped: open_tree"
    system = libc.syscall(430, b"tmpfs", 0)
    if system >= 0:
        return "escaped: fsopen"
    if libc.syscall(442, -100, b"/", 0, (ctypes.c_uint64 * 4)(), 32) == 0:
        return "escaped: mount_setattr"
    return "held"
