# try: take pages the kernel can not swap out
# outcome: ok|runtime_error|memory|forbidden

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    block = ctypes.create_string_buffer(24 << 20)
    return "escaped: locked 24 MiB" if libc.mlock(block, 24 << 20) == 0 else "held"
