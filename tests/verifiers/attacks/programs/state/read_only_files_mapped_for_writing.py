# try: change the standard library's pages in memory for all who share them
# outcome: ok|runtime_error|forbidden|crashed
import ctypes
import json
import os

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
FAILED = ctypes.c_void_p(-1).value


def f(x):
    for path in (json.__file__, os.__file__, "/dev/zero"):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        place = libc.mmap(None, 4096, 3, 0x01, descriptor, 0)
        if place != FAILED or libc.mprotect(ctypes.c_void_p(libc.mmap(None, 4096, 1, 1, descriptor, 0)), 4096, 3) == 0:
            return "escaped: mapped " + path
    return "held"
