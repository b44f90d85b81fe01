# try: locked, huge and populated pages, which some limits forget
# outcome: ok|runtime_error|memory|forbidden
import ctypes

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
FAILED = ctypes.c_void_p(-1).value


def f(x):
    for flags in (0x2000, 0x40000, 0x8000, 0x4000):
        if libc.mmap(None, 256 << 20, 3, 0x22 | flags, -1, 0) != FAILED:
            return f"escaped: flag {flags:#x}"
    return "held"
