# try: leave a message in the kernel's keyring
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    key = libc.syscall(248, b"user", x["name"].encode(), b"loot", 4, -4)
    if key >= 0:
        return "escaped: a key for the next program"
    return "escaped: keyctl" if libc.syscall(250, 0, -3, 0) >= 0 else "held"
