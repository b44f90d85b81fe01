# try: switch address randomisation off for what comes
# outcome: ok|runtime_error|forbidden|crashed

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    return "escaped: personality" if libc.personality(0x0040000) not in (-1, 0xFFFFFFFF) else "held"
