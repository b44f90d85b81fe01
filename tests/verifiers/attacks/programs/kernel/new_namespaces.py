# try: a user namespace, where one is root again
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000, 0x80):
        if libc.unshare(flag) == 0:
            return f"escaped: unshare {flag:#x}"
    return "held"
